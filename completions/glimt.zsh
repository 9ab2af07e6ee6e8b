#compdef glimt
# zsh completion of glimt, made by: glimt --completions zsh
_glimt_class() { if compset -P '*='; then _files; else _message 'NAME=FILE'; fi }
_glimt_files_or() { _alternative "words:word:($*)" 'files:file:_files' }
_glimt_themes() {
    local -a themes=(dark light paper terminal ${XDG_CONFIG_HOME:-$HOME/.config}/glimt/themes/*.theme(N:t:r))
    compadd -a themes
}
_glimt_models() {
    local -a models
    local dir name ref hub=${XDG_CACHE_HOME:-$HOME/.cache}/huggingface
    hub=${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-$hub}/hub}}
    for dir in ${hub/#\~/$HOME}/models--*/refs/*(N.); do
        ref=${dir:t} name=${dir:h:h:t}
        name=${${name#models--}/--//}
        [[ $ref == main ]] || name+=@$ref
        models+=($name)
    done
    compadd -a models
}
_glimt_models_or_files() {
    _alternative 'models:model:_glimt_models' 'files:folder:_files'
}
_glimt() {
    local -a own common=( \
        '--model=[a Hugging Face folder or a name in its cache; default\: the demo]:value:_glimt_models_or_files' \
        '*--sae=[sparse autoencoder, a file or folder; one a hook point]:value:_files' \
        '*--hook=[of the SAE before it, e.g. layers.3.mlp.act; default\: what the SAE says]:value:(embed layers.0.resid.pre layers.0.attn.z layers.0.attn.out layers.0.resid.mid layers.0.mlp.normalized layers.0.mlp.in layers.0.mlp.pre layers.0.mlp.act layers.0.mlp.out layers.0.resid.post layers.1.resid.pre layers.1.attn.z layers.1.attn.out layers.1.resid.mid layers.1.mlp.normalized layers.1.mlp.in layers.1.mlp.pre layers.1.mlp.act layers.1.mlp.out layers.1.resid.post layers.2.resid.pre layers.2.attn.z layers.2.attn.out layers.2.resid.mid layers.2.mlp.normalized layers.2.mlp.in layers.2.mlp.pre layers.2.mlp.act layers.2.mlp.out layers.2.resid.post layers.3.resid.pre layers.3.attn.z layers.3.attn.out layers.3.resid.mid layers.3.mlp.normalized layers.3.mlp.in layers.3.mlp.pre layers.3.mlp.act layers.3.mlp.out layers.3.resid.post layers.4.resid.pre layers.4.attn.z layers.4.attn.out layers.4.resid.mid layers.4.mlp.normalized layers.4.mlp.in layers.4.mlp.pre layers.4.mlp.act layers.4.mlp.out layers.4.resid.post layers.5.resid.pre layers.5.attn.z layers.5.attn.out layers.5.resid.mid layers.5.mlp.normalized layers.5.mlp.in layers.5.mlp.pre layers.5.mlp.act layers.5.mlp.out layers.5.resid.post layers.6.resid.pre layers.6.attn.z layers.6.attn.out layers.6.resid.mid layers.6.mlp.normalized layers.6.mlp.in layers.6.mlp.pre layers.6.mlp.act layers.6.mlp.out layers.6.resid.post layers.7.resid.pre layers.7.attn.z layers.7.attn.out layers.7.resid.mid layers.7.mlp.normalized layers.7.mlp.in layers.7.mlp.pre layers.7.mlp.act layers.7.mlp.out layers.7.resid.post layers.8.resid.pre layers.8.attn.z layers.8.attn.out layers.8.resid.mid layers.8.mlp.normalized layers.8.mlp.in layers.8.mlp.pre layers.8.mlp.act layers.8.mlp.out layers.8.resid.post layers.9.resid.pre layers.9.attn.z layers.9.attn.out layers.9.resid.mid layers.9.mlp.normalized layers.9.mlp.in layers.9.mlp.pre layers.9.mlp.act layers.9.mlp.out layers.9.resid.post layers.10.resid.pre layers.10.attn.z layers.10.attn.out layers.10.resid.mid layers.10.mlp.normalized layers.10.mlp.in layers.10.mlp.pre layers.10.mlp.act layers.10.mlp.out layers.10.resid.post layers.11.resid.pre layers.11.attn.z layers.11.attn.out layers.11.resid.mid layers.11.mlp.normalized layers.11.mlp.in layers.11.mlp.pre layers.11.mlp.act layers.11.mlp.out layers.11.resid.post final_norm)' \
        '--bundle=[model, SAE, hook, classes and chosen latents in one]:value:_files' \
        '--latents=[the chosen latents]:value: ' \
        '--neurons=[coordinates of the hooked activation instead of latents]:value:(all)' \
        '--fix=[hold these at fixed values at every position]:value: ' \
        '--insert=[what replaces the activation; default\: none, with --fix sae]:value:(none sae error)' \
        '--bos[the BOS token before each sequence; default\: what the SAE or the model needs]' \
        '--no-bos[no BOS token]' \
        '--tl-weights[TransformerLens'\'' weights\: norms folded, written and read centred]' \
        '--no-tl-weights[the file'\''s\: in neuron, the mean over the vocabulary stays, too]' \
        '--special[special tokens spelled out in a text become their ids; default\: text]' \
        '--encoding=[of text and corpora that are not UTF-8, e.g. latin1]:value:(latin1 windows-1252 utf-16le utf-16be utf-8)' \
        '--context=[each line its own sequence (default), or all of the text one]:value:(line join)' \
        '--device=[where to compute; list\: what there is]:value:(auto cpu cuda list)' \
        '--dtype=[what to compute in; the CPU computes in f32]:value:(auto f32 bf16 f16)' \
        '--threads=[threads to compute with; default\: all cores]:value: ' \
        '--json[the result as JSON]' \
        '--csv[the result as comma-separated values]' \
        '--svg=[a picture of the result to a file]:value:_files' \
        '--output=[write the result to a file]:value:_files' \
        '--cache=[where results are kept]:value: _glimt_files_or none' \
        '--seed=[of everything drawn at random; default\: 0]:value: ' \
        '--quiet[no progress and no notes]' \
        '--progress[progress also where standard error is no terminal]' \
        '--color=[auto, never, always, 16, 256 or direct]:value:(auto never always 16 256 direct)' \
        '--theme=[colours, e.g. dark]:value:_glimt_themes' \
        )
    case ${words[(r)(analyze|harvest|latents|find|histogram|examples|logit-lens|coactive|sweep|contrast|neuron|generate|snapshot|tokenize|verify|models|saes|pull|convert|bundle|cache|doctor)]} in
    analyze) own=( \
        '--top=[active latents shown for each token; default\: all in JSON, 4 in the table]:value: ' \
        '--predictions=[the most likely next tokens after each token]:value: ' \
        '--logits=[write the logits \[tokens, vocabulary\] as safetensors, f32]:value:_files' \
        '*:operand: ' \
        ) ;;
    harvest) own=( \
        '--keep-activations[also keep every activation]' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) ;;
    latents) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--sort=[a column of the table; default\: difference]:value:(latent difference overlap higher density)' \
        '--rows=[rows printed]:value: ' \
        '--min-share=[more than this share of the target'\''s tokens]:value: ' \
        '--max-other=[less than this share of the others'\'']:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) ;;
    find) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--rows=[rows printed]:value: ' \
        '--min-share=[more than this share of the target'\''s tokens; default\: .5]:value: ' \
        '--max-other=[less than this share of the others'\''; default\: .01]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) ;;
    histogram) own=( \
        '--tokens[the values themselves, token by token]' \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--as-published[30 bins over each class'\''s own range]' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) ;;
    examples) own=( \
        '--rows=[examples of each class; default\: 10]:value: ' \
        '--all[every activation, as --keep-activations keeps them]' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) ;;
    logit-lens) own=( \
        '--rows=[tokens and neighbours of each latent; default\: 10]:value: ' \
        '*:operand: ' \
        ) ;;
    coactive) own=( \
        '--rows=[others of each latent; default\: 10]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) ;;
    sweep) own=( \
        '--values=[FROM\:TO\:STEP or a list; default\: -8\:8\:2]:value: ' \
        '--insert=[what the values are set in; default\: sae]:value:(sae error sae,error)' \
        '--each[also every latent alone]' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
    generate) own=( \
        '--tokens=[length with the prompt, in tokens; default\: 20]:value: ' \
        '--temperature=[draw from the softmax of logits/T; default\: 0, the most likely token]:value: ' \
        '*:operand: ' \
        ) ;;
    snapshot) own=( \
        '--size=[of the screen; default\: 120x36]:value: ' \
        '--play=[a script that is played first]:value:_files' \
        '--state=[begin with a state (one line, as y l copies it)]:value: ' \
        '--dict=[of several dictionaries the one whose latents are listed]:value: ' \
        '--text[characters alone (default)]' \
        '--ansi[with colours, for a terminal]' \
        '*:operand:(explore latents histograms sweep corpus jobs contrast neurons)' \
        ) ;;
    tokenize) own=( \
        '--decode[the other way\: ids with blanks or commas between them, to text]' \
        '--ids-only[one id a line]' \
        '*:operand: ' \
        ) ;;
    verify) own=( \
        '*:operand:_glimt_models_or_files' \
        ) ;;
    models) own=( \
        '*:operand: ' \
        ) ;;
    saes) own=( \
        '*:operand:_glimt_models_or_files' \
        ) ;;
    pull) own=( \
        '--all[every file of the repository]' \
        '*:operand:_glimt_models' \
        ) ;;
    convert) own=( \
        '--to=[glimt, saelens or sparsify]:value: ' \
        '*:operand: ' \
        ) ;;
    cache) own=( \
        '--sample=[verify\: so many results, the last used first; default\: 3]:value: ' \
        '--days=[prune\: what was not used for N days]:value: ' \
        '--bytes=[prune\: packed weights, then the longest unused, until at most N bytes are left]:value: ' \
        '*:operand:(list verify prune)' \
        ) ;;
    doctor) own=( \
        '*:operand: ' \
        ) ;;
    bundle) case ${words[(r)(new)]} in
        new) own=( \
        '--title=[what people read]:value: ' \
        '*--class=[a class with its reference sentences; as often as needed]:value:_glimt_class' \
        '--label=[what a class is called\: da=Danish]:value: ' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--statistics[of all units\: a harvest of CORPUS, else of the references]' \
        '--header[the first of CORPUS'\'' lines text<TAB>label is a header\: skip it]' \
        '--force[replace what is there]' \
        '2:command:((new\:"a bundle of what the options name"))' \
        '*:operand:_files' \
        ) ;;
        *) own=('2:command:((new\:"a bundle of what the options name"))') ;;
        esac ;;
    contrast) case ${words[(r)(words|ttest|points|probe|regress|kept|compare)]} in
        words) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        ttest) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--against=[of the others this one alone]:value: ' \
        '--alpha=[significant below it; default\: 1e-05]:value: ' \
        '--welch[Welch'\''s t; default\: the pooled variance]' \
        '--rows=[rows printed]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        points) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--x=[the unit across; default\: the best by p]:value: ' \
        '--y=[the unit upwards; default\: the next best]:value: ' \
        '--hooked[coordinates of the hooked activation in place of latents]' \
        '--word=[one more word, placed among them]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        probe) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--target=[one class against the others; default\: each against all]:value: ' \
        '--against=[of the others this one alone]:value: ' \
        '--C=[weight of the loss against the penalty; default\: 1]:value: ' \
        '--folds=[each word is tested once, in one of so many; default\: one fifth is]:value: ' \
        '--controls=[control tasks; default\: 10]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        regress) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--target=[one class against the others; default\: each against all]:value: ' \
        '--against=[of the others this one alone]:value: ' \
        '--C=[weight of the loss against the penalty; default\: 1]:value: ' \
        '--l1[an L1 penalty, which leaves few coefficients; default\: L2]' \
        '--top=[only the S units with the largest |t|; default\: all]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        kept) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--target=[one class against the others; default\: each against all]:value: ' \
        '--against=[of the others this one alone]:value: ' \
        '--C=[weight of the loss against the penalty; default\: 1]:value: ' \
        '--folds=[each word is tested once, in one of so many; default\: 5]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        compare) own=( \
        '--word-vector=[which of a word'\''s tokens is its vector; default\: last]:value:(last mean first)' \
        '--space[a leading space before each word]' \
        '--pre[latents by pre-activation; default\: activation, 0 where not selected]' \
        '--target=[one class against the others; default\: each against all]:value: ' \
        '--against=[of the others this one alone]:value: ' \
        '--C=[weight of the loss against the penalty; default\: 1]:value: ' \
        '--folds=[each word is tested once, in one of so many; default\: 5]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--alpha=[significant below it; default\: 1e-05]:value: ' \
        '--welch[Welch'\''s t; default\: the pooled variance]' \
        '--controls=[control tasks; default\: 10]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))' \
        '*:operand:_files' \
        ) ;;
        *) own=('2:command:((words\:"what a list of words has, by class and kind" ttest\:"a t-test a unit, corrected for their number" points\:"words as points on two units" probe\:"linear probes with control tasks" regress\:"logistic regression, and how many coefficients carry it" kept\:"how few of the best units tell the classes apart" compare\:"neurons against latents in one table"))') ;;
        esac ;;
    neuron) case ${words[(r)(means|classify|ablate|boosts|unigrams|attribution|patch|effects|downstream|shift|examples|chains|position|similar|groups)]} in
        means) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 200]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        classify) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--tokens=[tokens of each class; default\: 5000]:value: ' \
        '--layer=[all neurons of this layer in place of some]:value: ' \
        '--histograms[of all of them, also of a layer'\''s]' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 200]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        ablate) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--sets=[sets of the units beside each alone; default\: all]:value:(all all-but-one pairs)' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--as-published[sets take all indices at each of their layers, at one value]' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        boosts) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--by=[what the units write, or what their layer would say; default\: direct]:value:(direct lens)' \
        '--later=[units behind these, by how they change with them]:value: ' \
        '--layer=[of the lens, in place of the units'\''; default\: -1]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--max-norm=[leave out tokens with an unembedding beyond; 0\: none; default\: 15]:value: ' \
        '--min-embed=[leave out tokens with an embedding below; 0\: none; default\: 0.4]:value: ' \
        '--top=[tokens of a list; default\: 100]:value: ' \
        '--as-published[of the lens off minus on, of later neurons the pre-activation]' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        unigrams) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--top=[tokens of a list; default\: 100]:value: ' \
        '--by-tokens[by how often they occur, not in how many texts]' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        attribution) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--off-at=[what the units are at when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--rows=[rows printed]:value: ' \
        '--frozen-scale[the final norm'\''s scale of the run with the units on]' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        patch) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--off-at=[what the units are at when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        effects) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--off-at=[what the units are at when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--rows=[rows printed]:value: ' \
        '--metric=[what the effects are on; default\: loss]:value:(loss logit)' \
        '--frozen-scale[the final norm'\''s scale of the run with the units on]' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        downstream) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--on-at=[what the units are at when on; default\: the target'\''s mean]:value: ' \
        '--off-at=[and when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--layers=[neurons of these layers]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--top=[units of the list; default\: 100]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        shift) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--on-at=[what the units are at when on; default\: the target'\''s mean]:value: ' \
        '--off-at=[and when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--later=[the units that are shifted, commas between them]:value: ' \
        '--tokens=[tokens of each class in the histograms; default\: 1000]:value: ' \
        '--losses[also the losses with each of them shifted]' \
        '--rows=[rows printed]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        examples) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--on-at=[what the units are at when on; default\: the target'\''s mean]:value: ' \
        '--off-at=[and when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--later=[shift these in place of switching the units]:value: ' \
        '--shift=[by so much; default\: by what they change with the units off]:value: ' \
        '--later-at=[from these values on; default\: from where they are]:value: ' \
        '--weight=[of the better log-probability in a token'\''s score; default\: 0.5]:value: ' \
        '--top=[texts; default\: 10]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        chains) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--on-at=[what the units are at when on; default\: the target'\''s mean]:value: ' \
        '--off-at=[and when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--later=[through these, commas between them; default\: those that change most]:value: ' \
        '--best=[so many of those that change most; default\: 6]:value: ' \
        '--layers=[neurons of these layers]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--top=[chains of the list; default\: 20]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 200]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        position) own=( \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--from=[first position of a text that counts; the BOS is 0; default\: 10]:value: ' \
        '--to=[last position that counts; default\: 399]:value: ' \
        '--texts=[texts of each class that the means are of; default\: 200]:value: ' \
        '--on-at=[what the units are at when on; default\: the target'\''s mean]:value: ' \
        '--off-at=[and when off; default\: the other classes'\'' mean]:value: ' \
        '--off=[units, commas between them, held at the other classes'\'' mean]:value: ' \
        '--insert=[SAEs in the activation'\''s place in every run]:value:(none sae error)' \
        '--later=[shift these in place of switching the units]:value: ' \
        '--shift=[by so much; default\: by what they change with the units off]:value: ' \
        '--later-at=[from these values on; default\: from where they are]:value: ' \
        '--text=[what is read; the last operand]:value: ' \
        '--at=[the position; the BOS is 0, negative from the end; default\: -1]:value: ' \
        '--top=[tokens of a list; default\: 20]:value: ' \
        '--min-logp=[leave out tokens of no more log-probability in both runs; default\: -7]:value: ' \
        '--max-norm=[leave out tokens with an unembedding beyond; 0\: none; default\: 15]:value: ' \
        '--min-embed=[leave out tokens with an embedding below; 0\: none; default\: 0.4]:value: ' \
        '*--class=[a class of the corpus in a file of its own; as often as needed]:value:_glimt_class' \
        '--limit=[the first N sentences of each class; default\: 1000]:value: ' \
        '--header[the first of the lines text<TAB>label is a header\: skip it]' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand:_files' \
        ) common=("${common[@]:#--insert[=\[]*}") ;;
        similar) own=( \
        '--layers=[neurons of these layers]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--top=[others of a unit; default\: 20]:value: ' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand: ' \
        ) ;;
        groups) own=( \
        '--layers=[neurons of these layers]:value: ' \
        '--dict=[which of several dictionaries\: mlp_3]:value: ' \
        '--min-cosine=[what two of a group have in common at least; default\: 0.5]:value: ' \
        '--rows=[rows printed]:value: ' \
        '2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))' \
        '*:operand: ' \
        ) ;;
        *) own=('2:command:((means\:"mean activation of units on each class" classify\:"how well the activation of one unit tells a class" ablate\:"what the loss gains by holding units at the other class'\''s mean" boosts\:"tokens that units boost and inhibit" unigrams\:"how units boost each class'\''s frequent tokens" attribution\:"how much of the next token'\''s logit units give, layer by layer" patch\:"the loss with one component'\''s output as with units off" effects\:"direct and indirect effects of switching units off" downstream\:"later units by how they change with units on and off" shift\:"what later units change by when units are switched off" examples\:"texts whose tokens units help most" chains\:"how switching units off goes on through later ones" position\:"what is likely at one position with units on and off" similar\:"units that write alike" groups\:"groups of units that write alike"))') ;;
        esac ;;
    *) own=( \
        '--version[version, with -v libraries]' \
        '--completions[for a shell]:shell:(bash zsh fish)' \
        '--state=[begin with a state (one line, as in the session file)]:value: ' \
        '--play=[play a script, then go on]:value:_files' \
        '--session=[a session of this name (\:sessions lists them)]:value: ' \
        ) ;;
    esac
    _arguments $own $common \
        '--help[what there is]' \
        '1:command:((analyze\:"the latents and the loss of each token" harvest\:"statistics of all latents over a corpus, once" latents\:"how often every latent fires on each class" find\:"latents of a class by a rule, verified on the other half" histogram\:"pre-activations by class, exact overlap" examples\:"where latents fire, at several quantiles" logit-lens\:"tokens that latents promote and suppress" coactive\:"latents that fire on the same tokens" sweep\:"loss with the chosen latents at one value after another" contrast\:"neurons and latents that part classes of words" neuron\:"what a neuron that tells a class does" generate\:"continue a prompt" snapshot\:"a view as a picture, without a terminal" tokenize\:"text to token ids, and back with --decode" verify\:"losses of fixed sentences, proof of the SAE" models\:"models in the Hugging Face cache, and which open" saes\:"SAEs for a model in the cache, and in folders" pull\:"fetch a model or SAEs into the Hugging Face cache" convert\:"an SAE in another format" bundle\:"model, dictionaries, classes and units in one" cache\:"what is kept, whether it is right, making room" doctor\:"what was found here, what is missing for what"))'
}
_glimt "$@"

#compdef glimt
# zsh completion of glimt, made by: glimt --completions zsh
_glimt() {
    local -a own
    case ${words[(r)(analyze|harvest|latents|find|histogram|examples|logit-lens|coactive|sweep|generate|snapshot|tokenize|verify|cache|doctor)]} in
    analyze) own=( \
        '--top=[active latents shown for each token; default\: all in JSON, 4 in the table]:value: ' \
        '--predictions=[the most likely next tokens after each token]:value: ' \
        '--logits=[write the logits \[tokens, vocabulary\] as safetensors, f32]:value:_files' \
        ) ;;
    harvest) own=( \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--keep-activations[also keep every activation]' \
        ) ;;
    latents) own=( \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--sort=[a column of the table; default\: difference]:value: ' \
        '--rows=[rows printed]:value: ' \
        '--min-share=[more than this share of the target'\''s tokens; default .5]:value: ' \
        '--max-other=[less than this share of the others'\''; default .01]:value: ' \
        ) ;;
    find) own=( \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--rows=[rows printed]:value: ' \
        '--min-share=[more than this share of the target'\''s tokens; default .5]:value: ' \
        '--max-other=[less than this share of the others'\''; default .01]:value: ' \
        ) ;;
    histogram) own=( \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--target=[the class asked about; default\: the first]:value: ' \
        '--as-published[30 bins over each class'\''s own range]' \
        '--tokens[the values themselves, token by token]' \
        '--rows=[rows printed]:value: ' \
        ) ;;
    examples) own=( \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--rows=[examples of each class; default\: 10]:value: ' \
        '--all[every activation, as --keep-activations keeps them]' \
        ) ;;
    logit-lens) own=( \
        '--rows=[tokens and neighbours of each latent; default\: 10]:value: ' \
        ) ;;
    coactive) own=( \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--rows=[others of each latent; default\: 10]:value: ' \
        ) ;;
    sweep) own=( \
        '--values=[FROM\:TO\:STEP or a list; default -8\:8\:2]:value: ' \
        '--insert=[what the values are set in; default\: sae]:value: ' \
        '--each[also every latent alone]' \
        '--class=[a class of the corpus in a file of its own; as often as needed]:value:_files' \
        '--limit=[the first N sentences of each class]:value: ' \
        '--rows=[rows printed]:value: ' \
        ) ;;
    generate) own=( \
        '--tokens=[length with the prompt, in tokens; default\: 20]:value: ' \
        '--temperature=[draw from the softmax of logits/T; default\: 0, the most likely token]:value: ' \
        ) ;;
    snapshot) own=( \
        '--size=[of the screen; default\: 120x36]:value: ' \
        '--play=[a script that is played first]:value:_files' \
        '--state=[begin with a state (one line, as y l copies it)]:value: ' \
        '--text[characters alone (default)]' \
        '--ansi[with colours, for a terminal]' \
        ) ;;
    tokenize) own=( \
        '--decode[the other way\: ids with blanks or commas between them, to text]' \
        '--ids-only[one id a line]' \
        ) ;;
    cache) own=( \
        '--sample=[verify\: so many results, the last used first; default\: 3]:value: ' \
        '--days=[prune\: what was not used for N days]:value: ' \
        '--bytes=[prune\: the longest unused, until the file has at most N bytes]:value: ' \
        ) ;;
    esac
    _arguments $own \
        '--help[what there is]' \
        '--version[version, with -v libraries]' \
        '--model=[a Hugging Face folder or a name in its cache; default\: the demo]:value:_files' \
        '--sae=[sparse autoencoder, a file or folder]:value:_files' \
        '--hook=[hook point, e.g. layers.3.mlp.act; default\: what the SAE says]:value: ' \
        '--bundle=[model, SAE, hook, classes and chosen latents in one]:value:_files' \
        '--latents=[the chosen latents]:value: ' \
        '--neurons=[coordinates of the hooked activation instead of latents]:value: ' \
        '--fix=[hold these at fixed values at every position]:value: ' \
        '--insert=[what replaces the activation; default\: none, with --fix sae]:value:(none sae error)' \
        '--bos[put the BOS token before each sequence]' \
        '--no-bos[no BOS token (default)]' \
        '--context=[each line its own sequence (default), or all of the text one]:value:(line join)' \
        '--device=[where to compute]:value: ' \
        '--dtype=[what to compute in; the CPU computes in f32]:value:(auto f32 bf16 f16)' \
        '--threads=[threads to compute with; default\: all cores]:value: ' \
        '--json[the result as JSON]' \
        '--csv[the result as comma-separated values]' \
        '--svg=[a picture of the result to a file]:value:_files' \
        '--output=[write the result to a file]:value:_files' \
        '--cache=[where results are kept]:value:_files' \
        '--seed=[of everything drawn at random; default\: 0]:value: ' \
        '--quiet[no progress and no notes]' \
        '--progress[progress also where standard error is no terminal]' \
        '--color=[auto, never, always, 16, 256 or direct]:value:(auto never always 16 256 direct)' \
        '--theme=[colours, e.g. dark]:value: ' \
        '1:command:((analyze\:"the latents and the loss of each token" harvest\:"statistics of all latents over a corpus, once" latents\:"how often every latent fires on each class" find\:"latents of a class by a rule, verified on the other half" histogram\:"pre-activations by class, exact overlap" examples\:"where latents fire, at several quantiles" logit-lens\:"tokens that latents promote and suppress" coactive\:"latents that fire on the same tokens" sweep\:"loss with the chosen latents at one value after another" generate\:"continue a prompt" snapshot\:"a view as a picture, without a terminal" tokenize\:"text to token ids, and back with --decode" verify\:"losses of fixed sentences, proof of the SAE" cache\:"what is kept, whether it is right, making room" doctor\:"what was found here, what is missing for what"))' \
        '2:text: '
}
_glimt "$@"

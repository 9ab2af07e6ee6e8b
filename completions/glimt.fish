# fish completion of glimt, made by: glimt --completions fish
function __glimt_class
    set -l word (commandline -ct)
    set word (string replace -r '^--class=' '' -- $word)
    string match -q '*=*' -- $word; or return
    set -l name (string replace -r '=.*' '=' -- $word)
    for file in (__fish_complete_path (string replace -r '^[^=]*=' '' -- $word))
        echo $name$file
    end
end
function __glimt_themes
    set -l config $XDG_CONFIG_HOME
    test -n "$config"; or set config $HOME/.config
    for file in $config/glimt/themes/*.theme
        basename $file .theme
    end
end
function __glimt_models
    set -l hub $XDG_CACHE_HOME
    test -n "$hub"; or set hub $HOME/.cache
    set hub $hub/huggingface/hub
    test -n "$HF_HOME"; and set hub $HF_HOME/hub
    test -n "$HUGGINGFACE_HUB_CACHE"; and set hub $HUGGINGFACE_HUB_CACHE
    test -n "$HF_HUB_CACHE"; and set hub $HF_HUB_CACHE
    for file in (string replace -r '^~' $HOME -- $hub)/models--*/refs/*
        test -f $file; or continue
        set -l name (string replace -r '^.*/models--([^/]*)/refs/' '$1@' $file)
        string replace -r '@main$' '' (string replace -- -- / $name)
    end
end
function __glimt_is # the line's command, with its part, is one of these
    set -l words (commandline -opc)
    set -l found ''
    for word in $words[2..]
        switch "$found $word"
            case ' contrast' ' neuron' ' analyze' ' harvest' ' latents' ' find' ' histogram' ' examples' ' logit-lens' ' coactive' ' sweep' 'contrast words' 'contrast ttest' 'neuron means' 'neuron classify' 'neuron ablate' 'neuron boosts' 'neuron unigrams' ' generate' ' snapshot' ' tokenize' ' verify' ' models' ' saes' ' pull' ' cache' ' doctor'
                set found (string trim "$found $word")
        end
    end
    contains -- $found $argv
end
complete -c glimt -f
complete -c glimt -n '__glimt_is ""' -a analyze -d 'the latents and the loss of each token'
complete -c glimt -n '__glimt_is ""' -a harvest -d 'statistics of all latents over a corpus, once'
complete -c glimt -n '__glimt_is ""' -a latents -d 'how often every latent fires on each class'
complete -c glimt -n '__glimt_is ""' -a find -d 'latents of a class by a rule, verified on the other half'
complete -c glimt -n '__glimt_is ""' -a histogram -d 'pre-activations by class, exact overlap'
complete -c glimt -n '__glimt_is ""' -a examples -d 'where latents fire, at several quantiles'
complete -c glimt -n '__glimt_is ""' -a logit-lens -d 'tokens that latents promote and suppress'
complete -c glimt -n '__glimt_is ""' -a coactive -d 'latents that fire on the same tokens'
complete -c glimt -n '__glimt_is ""' -a sweep -d 'loss with the chosen latents at one value after another'
complete -c glimt -n '__glimt_is ""' -a contrast -d 'neurons and latents that part two classes of words'
complete -c glimt -n '__glimt_is contrast' -a words -d 'what a list of words has, by class and kind'
complete -c glimt -n '__glimt_is contrast' -a ttest -d 'a t-test a unit, corrected for their number'
complete -c glimt -n '__glimt_is ""' -a neuron -d 'what a neuron that tells a class does'
complete -c glimt -n '__glimt_is neuron' -a means -d 'mean activation of units on each class'
complete -c glimt -n '__glimt_is neuron' -a classify -d 'how well the activation of one unit tells a class'
complete -c glimt -n '__glimt_is neuron' -a ablate -d 'what the loss gains by holding units at the other class\'s mean'
complete -c glimt -n '__glimt_is neuron' -a boosts -d 'tokens that units boost and inhibit'
complete -c glimt -n '__glimt_is neuron' -a unigrams -d 'how units boost each class\'s frequent tokens'
complete -c glimt -n '__glimt_is ""' -a generate -d 'continue a prompt'
complete -c glimt -n '__glimt_is ""' -a snapshot -d 'a view as a picture, without a terminal'
complete -c glimt -n '__glimt_is ""' -a tokenize -d 'text to token ids, and back with --decode'
complete -c glimt -n '__glimt_is ""' -a verify -d 'losses of fixed sentences, proof of the SAE'
complete -c glimt -n '__glimt_is ""' -a models -d 'models in the Hugging Face cache, and which open'
complete -c glimt -n '__glimt_is ""' -a saes -d 'SAEs for a model in the cache, and in folders'
complete -c glimt -n '__glimt_is ""' -a pull -d 'fetch a model or SAEs into the Hugging Face cache'
complete -c glimt -n '__glimt_is ""' -a cache -d 'what is kept, whether it is right, making room'
complete -c glimt -n '__glimt_is ""' -a doctor -d 'what was found here, what is missing for what'
complete -c glimt -n '__glimt_is ""' -l version -d 'version, with -v libraries'
complete -c glimt -n '__glimt_is ""' -l completions -x -a 'bash zsh fish' -d 'for a shell'
complete -c glimt -n '__glimt_is ""' -l state -x -d 'begin with a state (one line, as in the session file)'
complete -c glimt -n '__glimt_is ""' -l play -r -F -d 'play a script, then go on'
complete -c glimt -n '__glimt_is ""' -l session -x -d 'a session of this name (:sessions lists them)'
complete -c glimt -l help -d 'what there is'
complete -c glimt -l model -r -a '(__glimt_models)' -F -d 'a Hugging Face folder or a name in its cache; default: the demo'
complete -c glimt -l sae -r -F -d 'sparse autoencoder, a file or folder; one a hook point'
complete -c glimt -l hook -x -a 'embed layers.0.resid.pre layers.0.attn.z layers.0.attn.out layers.0.resid.mid layers.0.mlp.in layers.0.mlp.pre layers.0.mlp.act layers.0.mlp.out layers.0.resid.post layers.1.resid.pre layers.1.attn.z layers.1.attn.out layers.1.resid.mid layers.1.mlp.in layers.1.mlp.pre layers.1.mlp.act layers.1.mlp.out layers.1.resid.post layers.2.resid.pre layers.2.attn.z layers.2.attn.out layers.2.resid.mid layers.2.mlp.in layers.2.mlp.pre layers.2.mlp.act layers.2.mlp.out layers.2.resid.post layers.3.resid.pre layers.3.attn.z layers.3.attn.out layers.3.resid.mid layers.3.mlp.in layers.3.mlp.pre layers.3.mlp.act layers.3.mlp.out layers.3.resid.post layers.4.resid.pre layers.4.attn.z layers.4.attn.out layers.4.resid.mid layers.4.mlp.in layers.4.mlp.pre layers.4.mlp.act layers.4.mlp.out layers.4.resid.post layers.5.resid.pre layers.5.attn.z layers.5.attn.out layers.5.resid.mid layers.5.mlp.in layers.5.mlp.pre layers.5.mlp.act layers.5.mlp.out layers.5.resid.post layers.6.resid.pre layers.6.attn.z layers.6.attn.out layers.6.resid.mid layers.6.mlp.in layers.6.mlp.pre layers.6.mlp.act layers.6.mlp.out layers.6.resid.post layers.7.resid.pre layers.7.attn.z layers.7.attn.out layers.7.resid.mid layers.7.mlp.in layers.7.mlp.pre layers.7.mlp.act layers.7.mlp.out layers.7.resid.post layers.8.resid.pre layers.8.attn.z layers.8.attn.out layers.8.resid.mid layers.8.mlp.in layers.8.mlp.pre layers.8.mlp.act layers.8.mlp.out layers.8.resid.post layers.9.resid.pre layers.9.attn.z layers.9.attn.out layers.9.resid.mid layers.9.mlp.in layers.9.mlp.pre layers.9.mlp.act layers.9.mlp.out layers.9.resid.post layers.10.resid.pre layers.10.attn.z layers.10.attn.out layers.10.resid.mid layers.10.mlp.in layers.10.mlp.pre layers.10.mlp.act layers.10.mlp.out layers.10.resid.post layers.11.resid.pre layers.11.attn.z layers.11.attn.out layers.11.resid.mid layers.11.mlp.in layers.11.mlp.pre layers.11.mlp.act layers.11.mlp.out layers.11.resid.post final_norm' -d 'of the SAE before it, e.g. layers.3.mlp.act; default: what the SAE says'
complete -c glimt -l bundle -r -F -d 'model, SAE, hook, classes and chosen latents in one'
complete -c glimt -l latents -x -d 'the chosen latents'
complete -c glimt -l neurons -x -a 'all' -d 'coordinates of the hooked activation instead of latents'
complete -c glimt -l fix -x -d 'hold these at fixed values at every position'
complete -c glimt -n 'not __glimt_is "sweep"' -l insert -x -a 'none sae error' -d 'what replaces the activation; default: none, with --fix sae'
complete -c glimt -l bos -d 'the BOS token before each sequence; default: what the SAE or the model needs'
complete -c glimt -l no-bos -d 'no BOS token'
complete -c glimt -l special -d 'special tokens spelled out in a text become their ids; default: text'
complete -c glimt -l encoding -x -a 'latin1 windows-1252 utf-16le utf-16be utf-8' -d 'of text and corpora that are not UTF-8, e.g. latin1'
complete -c glimt -l context -x -a 'line join' -d 'each line its own sequence (default), or all of the text one'
complete -c glimt -l device -x -a 'auto cpu cuda list' -d 'where to compute; list: what there is'
complete -c glimt -l dtype -x -a 'auto f32 bf16 f16' -d 'what to compute in; the CPU computes in f32'
complete -c glimt -l threads -x -d 'threads to compute with; default: all cores'
complete -c glimt -l json -d 'the result as JSON'
complete -c glimt -l csv -d 'the result as comma-separated values'
complete -c glimt -l svg -r -F -d 'a picture of the result to a file'
complete -c glimt -l output -r -F -d 'write the result to a file'
complete -c glimt -l cache -r -a 'none' -F -d 'where results are kept'
complete -c glimt -l seed -x -d 'of everything drawn at random; default: 0'
complete -c glimt -l quiet -d 'no progress and no notes'
complete -c glimt -l progress -d 'progress also where standard error is no terminal'
complete -c glimt -l color -x -a 'auto never always 16 256 direct' -d 'auto, never, always, 16, 256 or direct'
complete -c glimt -l theme -x -a 'dark light paper terminal (__glimt_themes)' -d 'colours, e.g. dark'
complete -c glimt -n '__glimt_is "analyze"' -l top -x -d 'active latents shown for each token; default: all in JSON, 4 in the table'
complete -c glimt -n '__glimt_is "analyze"' -l predictions -x -d 'the most likely next tokens after each token'
complete -c glimt -n '__glimt_is "analyze"' -l logits -r -F -d 'write the logits [tokens, vocabulary] as safetensors, f32'
complete -c glimt -n '__glimt_is "harvest"' -F
complete -c glimt -n '__glimt_is "harvest"' -l keep-activations -d 'also keep every activation'
complete -c glimt -n '__glimt_is "harvest"' -l dict -x -d 'which of several dictionaries: mlp_3'
complete -c glimt -n '__glimt_is "harvest"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "harvest"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "harvest"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "latents"' -F
complete -c glimt -n '__glimt_is "latents"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "latents"' -l sort -x -a 'latent difference overlap higher density' -d 'a column of the table; default: difference'
complete -c glimt -n '__glimt_is "latents"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "latents"' -l min-share -x -d 'more than this share of the target\'s tokens'
complete -c glimt -n '__glimt_is "latents"' -l max-other -x -d 'less than this share of the others\''
complete -c glimt -n '__glimt_is "latents"' -l dict -x -d 'which of several dictionaries: mlp_3'
complete -c glimt -n '__glimt_is "latents"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "latents"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "latents"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "find"' -F
complete -c glimt -n '__glimt_is "find"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "find"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "find"' -l min-share -x -d 'more than this share of the target\'s tokens; default: .5'
complete -c glimt -n '__glimt_is "find"' -l max-other -x -d 'less than this share of the others\'; default: .01'
complete -c glimt -n '__glimt_is "find"' -l dict -x -d 'which of several dictionaries: mlp_3'
complete -c glimt -n '__glimt_is "find"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "find"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "find"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "histogram"' -F
complete -c glimt -n '__glimt_is "histogram"' -l tokens -d 'the values themselves, token by token'
complete -c glimt -n '__glimt_is "histogram"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "histogram"' -l as-published -d '30 bins over each class\'s own range'
complete -c glimt -n '__glimt_is "histogram"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "histogram"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "histogram"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "histogram"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "examples"' -F
complete -c glimt -n '__glimt_is "examples"' -l rows -x -d 'examples of each class; default: 10'
complete -c glimt -n '__glimt_is "examples"' -l all -d 'every activation, as --keep-activations keeps them'
complete -c glimt -n '__glimt_is "examples"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "examples"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "examples"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "logit-lens"' -l rows -x -d 'tokens and neighbours of each latent; default: 10'
complete -c glimt -n '__glimt_is "coactive"' -F
complete -c glimt -n '__glimt_is "coactive"' -l rows -x -d 'others of each latent; default: 10'
complete -c glimt -n '__glimt_is "coactive"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "coactive"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "coactive"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "sweep"' -F
complete -c glimt -n '__glimt_is "sweep"' -l values -x -d 'FROM:TO:STEP or a list; default: -8:8:2'
complete -c glimt -n '__glimt_is "sweep"' -l insert -x -a 'sae error sae,error' -d 'what the values are set in; default: sae'
complete -c glimt -n '__glimt_is "sweep"' -l each -d 'also every latent alone'
complete -c glimt -n '__glimt_is "sweep"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "sweep"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "sweep"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "sweep"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "contrast words"' -F
complete -c glimt -n '__glimt_is "contrast words"' -l word-vector -x -a 'last mean first' -d 'which of a word\'s tokens is its vector; default: last'
complete -c glimt -n '__glimt_is "contrast words"' -l space -d 'a leading space before each word'
complete -c glimt -n '__glimt_is "contrast words"' -l pre -d 'latents by pre-activation; default: activation, 0 where not selected'
complete -c glimt -n '__glimt_is "contrast words"' -l dict -x -d 'which of several dictionaries: mlp_3'
complete -c glimt -n '__glimt_is "contrast words"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "contrast words"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "contrast words"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "contrast ttest"' -F
complete -c glimt -n '__glimt_is "contrast ttest"' -l word-vector -x -a 'last mean first' -d 'which of a word\'s tokens is its vector; default: last'
complete -c glimt -n '__glimt_is "contrast ttest"' -l space -d 'a leading space before each word'
complete -c glimt -n '__glimt_is "contrast ttest"' -l pre -d 'latents by pre-activation; default: activation, 0 where not selected'
complete -c glimt -n '__glimt_is "contrast ttest"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "contrast ttest"' -l alpha -x -d 'significant below it; default: 1e-05'
complete -c glimt -n '__glimt_is "contrast ttest"' -l welch -d 'Welch\'s t; default: the pooled variance'
complete -c glimt -n '__glimt_is "contrast ttest"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "contrast ttest"' -l dict -x -d 'which of several dictionaries: mlp_3'
complete -c glimt -n '__glimt_is "contrast ttest"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "contrast ttest"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "contrast ttest"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "neuron means"' -F
complete -c glimt -n '__glimt_is "neuron means"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "neuron means"' -l from -x -d 'first position of a text that counts; the BOS is 0; default: 10'
complete -c glimt -n '__glimt_is "neuron means"' -l to -x -d 'last position that counts; default: 399'
complete -c glimt -n '__glimt_is "neuron means"' -l off -x -d 'units, commas between them, held at the other classes\' mean'
complete -c glimt -n '__glimt_is "neuron means"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "neuron means"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "neuron means"' -l limit -x -d 'the first N sentences of each class; default: 200'
complete -c glimt -n '__glimt_is "neuron means"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "neuron classify"' -F
complete -c glimt -n '__glimt_is "neuron classify"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "neuron classify"' -l from -x -d 'first position of a text that counts; the BOS is 0; default: 10'
complete -c glimt -n '__glimt_is "neuron classify"' -l to -x -d 'last position that counts; default: 399'
complete -c glimt -n '__glimt_is "neuron classify"' -l tokens -x -d 'tokens of each class; default: 5000'
complete -c glimt -n '__glimt_is "neuron classify"' -l layer -x -d 'all neurons of this layer in place of some'
complete -c glimt -n '__glimt_is "neuron classify"' -l off -x -d 'units, commas between them, held at the other classes\' mean'
complete -c glimt -n '__glimt_is "neuron classify"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "neuron classify"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "neuron classify"' -l limit -x -d 'the first N sentences of each class; default: 200'
complete -c glimt -n '__glimt_is "neuron classify"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "neuron ablate"' -F
complete -c glimt -n '__glimt_is "neuron ablate"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "neuron ablate"' -l sets -x -a 'all all-but-one pairs' -d 'sets of the units beside each alone; default: all'
complete -c glimt -n '__glimt_is "neuron ablate"' -l from -x -d 'first position of a text that counts; the BOS is 0; default: 10'
complete -c glimt -n '__glimt_is "neuron ablate"' -l to -x -d 'last position that counts; default: 399'
complete -c glimt -n '__glimt_is "neuron ablate"' -l texts -x -d 'texts of each class that the means are of; default: 200'
complete -c glimt -n '__glimt_is "neuron ablate"' -l off -x -d 'units, commas between them, held at the other classes\' mean'
complete -c glimt -n '__glimt_is "neuron ablate"' -l as-published -d 'sets take all indices at each of their layers, at one value'
complete -c glimt -n '__glimt_is "neuron ablate"' -l rows -x -d 'rows printed'
complete -c glimt -n '__glimt_is "neuron ablate"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "neuron ablate"' -l limit -x -d 'the first N sentences of each class; default: 1000'
complete -c glimt -n '__glimt_is "neuron ablate"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "neuron boosts"' -F
complete -c glimt -n '__glimt_is "neuron boosts"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "neuron boosts"' -l by -x -a 'direct lens' -d 'what the units write, or what their layer would say; default: direct'
complete -c glimt -n '__glimt_is "neuron boosts"' -l later -x -d 'units behind these, by how they change with them'
complete -c glimt -n '__glimt_is "neuron boosts"' -l layer -x -d 'of the lens, in place of the units\'; default: -1'
complete -c glimt -n '__glimt_is "neuron boosts"' -l from -x -d 'first position of a text that counts; the BOS is 0; default: 10'
complete -c glimt -n '__glimt_is "neuron boosts"' -l to -x -d 'last position that counts; default: 399'
complete -c glimt -n '__glimt_is "neuron boosts"' -l texts -x -d 'texts of each class that the means are of; default: 200'
complete -c glimt -n '__glimt_is "neuron boosts"' -l max-norm -x -d 'leave out tokens with an unembedding beyond; 0: none; default: 15'
complete -c glimt -n '__glimt_is "neuron boosts"' -l min-embed -x -d 'leave out tokens with an embedding below; 0: none; default: 0.4'
complete -c glimt -n '__glimt_is "neuron boosts"' -l top -x -d 'tokens of a list; default: 100'
complete -c glimt -n '__glimt_is "neuron boosts"' -l no-tl-weights -d 'the mean over the vocabulary stays'
complete -c glimt -n '__glimt_is "neuron boosts"' -l as-published -d 'of the lens: off minus on'
complete -c glimt -n '__glimt_is "neuron boosts"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "neuron boosts"' -l limit -x -d 'the first N sentences of each class; default: 1000'
complete -c glimt -n '__glimt_is "neuron boosts"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "neuron unigrams"' -F
complete -c glimt -n '__glimt_is "neuron unigrams"' -l target -x -d 'the class asked about; default: the first'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l from -x -d 'first position of a text that counts; the BOS is 0; default: 10'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l to -x -d 'last position that counts; default: 399'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l texts -x -d 'texts of each class that the means are of; default: 200'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l top -x -d 'tokens of a list; default: 100'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l by-tokens -d 'by how often they occur, not in how many texts'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l no-tl-weights -d 'the mean over the vocabulary stays'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l class -x -a '(__glimt_class)' -d 'a class of the corpus in a file of its own; as often as needed'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l limit -x -d 'the first N sentences of each class'
complete -c glimt -n '__glimt_is "neuron unigrams"' -l header -d 'the first of the lines text<TAB>label is a header: skip it'
complete -c glimt -n '__glimt_is "generate"' -l tokens -x -d 'length with the prompt, in tokens; default: 20'
complete -c glimt -n '__glimt_is "generate"' -l temperature -x -d 'draw from the softmax of logits/T; default: 0, the most likely token'
complete -c glimt -n '__glimt_is "snapshot"' -a 'explore latents histograms sweep corpus jobs'
complete -c glimt -n '__glimt_is "snapshot"' -l size -x -d 'of the screen; default: 120x36'
complete -c glimt -n '__glimt_is "snapshot"' -l play -r -F -d 'a script that is played first'
complete -c glimt -n '__glimt_is "snapshot"' -l state -x -d 'begin with a state (one line, as y l copies it)'
complete -c glimt -n '__glimt_is "snapshot"' -l text -d 'characters alone (default)'
complete -c glimt -n '__glimt_is "snapshot"' -l ansi -d 'with colours, for a terminal'
complete -c glimt -n '__glimt_is "tokenize"' -l decode -d 'the other way: ids with blanks or commas between them, to text'
complete -c glimt -n '__glimt_is "tokenize"' -l ids-only -d 'one id a line'
complete -c glimt -n '__glimt_is "verify"' -a '(__glimt_models)' -F
complete -c glimt -n '__glimt_is "saes"' -a '(__glimt_models)' -F
complete -c glimt -n '__glimt_is "pull"' -a '(__glimt_models)'
complete -c glimt -n '__glimt_is "pull"' -l all -d 'every file of the repository'
complete -c glimt -n '__glimt_is "cache"' -a 'list verify prune'
complete -c glimt -n '__glimt_is "cache"' -l sample -x -d 'verify: so many results, the last used first; default: 3'
complete -c glimt -n '__glimt_is "cache"' -l days -x -d 'prune: what was not used for N days'
complete -c glimt -n '__glimt_is "cache"' -l bytes -x -d 'prune: packed weights, then the longest unused, until at most N bytes are left'

#compdef glimt
# zsh completion of glimt, made by: glimt --completions zsh
_glimt() {
    local -a own
    case ${words[(r)(analyze|generate|tokenize|verify|doctor)]} in
    analyze) own=( \
        '--top=[active latents shown for each token; default\: all in JSON, 4 in the table]:value: ' \
        '--predictions=[the most likely next tokens after each token]:value: ' \
        '--logits=[write the logits \[tokens, vocabulary\] as safetensors, f32]:value:_files' \
        ) ;;
    generate) own=( \
        '--tokens=[length with the prompt, in tokens; default\: 20]:value: ' \
        '--temperature=[draw from the softmax of logits/T; default\: 0, the most likely token]:value: ' \
        ) ;;
    tokenize) own=( \
        '--decode[the other way\: ids with blanks or commas between them, to text]' \
        '--ids-only[one id a line]' \
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
        '--output=[write the result to a file]:value:_files' \
        '--cache=[where results are kept]:value:_files' \
        '--seed=[of everything drawn at random; default\: 0]:value: ' \
        '--quiet[no progress and no notes]' \
        '--progress[progress also where standard error is no terminal]' \
        '--color=[auto, never, always, 16, 256 or direct]:value:(auto never always 16 256 direct)' \
        '--theme=[colours, e.g. dark]:value: ' \
        '1:command:((analyze\:"the latents and the loss of each token" generate\:"continue a prompt" tokenize\:"text to token ids, and back with --decode" verify\:"losses of fixed sentences, proof of the SAE" doctor\:"what was found here, what is missing for what"))' \
        '2:text: '
}
_glimt "$@"

# bash completion of glimt, made by: glimt --completions bash
_glimt() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word command= own=
    case $prev in
    --model) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --sae) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --hook) return ;;
    --bundle) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --latents) return ;;
    --neurons) return ;;
    --fix) return ;;
    --insert) COMPREPLY=($(compgen -W "none sae error" -- "$cur")); return ;;
    --context) COMPREPLY=($(compgen -W "line join" -- "$cur")); return ;;
    --device) return ;;
    --dtype) COMPREPLY=($(compgen -W "auto f32 bf16 f16" -- "$cur")); return ;;
    --threads) return ;;
    --svg) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --output) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --cache) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --seed) return ;;
    --color) COMPREPLY=($(compgen -W "auto never always 16 256 direct" -- "$cur")); return ;;
    --theme) return ;;
    --top) return ;;
    --predictions) return ;;
    --logits) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --target) return ;;
    --sort) return ;;
    --rows) return ;;
    --min-share) return ;;
    --max-other) return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --target) return ;;
    --rows) return ;;
    --min-share) return ;;
    --max-other) return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --target) return ;;
    --rows) return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --rows) return ;;
    --rows) return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --rows) return ;;
    --values) return ;;
    --insert) return ;;
    --class) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --limit) return ;;
    --rows) return ;;
    --tokens) return ;;
    --temperature) return ;;
    --size) return ;;
    --play) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --state) return ;;
    --sample) return ;;
    --days) return ;;
    --bytes) return ;;
    esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        analyze) command=$word own=" --top --predictions --logits" ;;
        harvest) command=$word own=" --class --limit --keep-activations" ;;
        latents) command=$word own=" --class --limit --target --sort --rows --min-share --max-other" ;;
        find) command=$word own=" --class --limit --target --rows --min-share --max-other" ;;
        histogram) command=$word own=" --class --limit --target --as-published --tokens --rows" ;;
        examples) command=$word own=" --class --limit --rows --all" ;;
        logit-lens) command=$word own=" --rows" ;;
        coactive) command=$word own=" --class --limit --rows" ;;
        sweep) command=$word own=" --values --insert --each --class --limit --rows" ;;
        generate) command=$word own=" --tokens --temperature" ;;
        snapshot) command=$word own=" --size --play --state --text --ansi" ;;
        tokenize) command=$word own=" --decode --ids-only" ;;
        verify) command=$word own="" ;;
        cache) command=$word own=" --sample --days --bytes" ;;
        doctor) command=$word own="" ;;
        esac
    done
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "--help --version --model --sae --hook --bundle --latents --neurons --fix --insert --bos --no-bos --context --device --dtype --threads --json --csv --svg --output --cache --seed --quiet --progress --color --theme $own" -- "$cur"))
    elif [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "analyze harvest latents find histogram examples logit-lens coactive sweep generate snapshot tokenize verify cache doctor" -- "$cur"))
    fi
}
complete -F _glimt glimt

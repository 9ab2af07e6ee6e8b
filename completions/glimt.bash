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
    --output) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --cache) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --seed) return ;;
    --color) COMPREPLY=($(compgen -W "auto never always 16 256 direct" -- "$cur")); return ;;
    --theme) return ;;
    --top) return ;;
    --predictions) return ;;
    --logits) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --tokens) return ;;
    --temperature) return ;;
    esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        analyze) command=$word own=" --top --predictions --logits" ;;
        generate) command=$word own=" --tokens --temperature" ;;
        tokenize) command=$word own=" --decode --ids-only" ;;
        verify) command=$word own="" ;;
        doctor) command=$word own="" ;;
        esac
    done
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "--help --version --model --sae --hook --bundle --latents --neurons --fix --insert --bos --no-bos --context --device --dtype --threads --json --csv --output --cache --seed --quiet --progress --color --theme $own" -- "$cur"))
    elif [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "analyze generate tokenize verify doctor" -- "$cur"))
    fi
}
complete -F _glimt glimt

# bash completion of glimt, made by: glimt --completions bash
_glimt_words() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_glimt_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
}
_glimt_class() {
    [[ $cur == *=* ]] || return
    head+=${cur%%=*}= cur=${cur#*=}
    _glimt_files
}
_glimt_themes() {
    local file
    for file in "${XDG_CONFIG_HOME:-$HOME/.config}"/glimt/themes/*.theme; do
        file=${file##*/} file=${file%.theme}
        [[ $file != '*' && $file == "$cur"* ]] && COMPREPLY+=("$file")
    done
}
_glimt_models() {
    local dir name ref hub=${XDG_CACHE_HOME:-$HOME/.cache}/huggingface
    hub=${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-$hub}/hub}}
    for dir in "${hub/#\~/$HOME}"/models--*/refs/*; do
        ref=${dir##*/} name=${dir%/refs/*} name=${name##*/models--} name=${name/--//}
        [[ $ref == main ]] || name+=@$ref
        [[ -f $dir && $name == "$cur"* ]] || continue
        [[ $cur != *@* || $COMP_WORDBREAKS != *@* ]] || name=${name#*@}
        COMPREPLY+=("$name")
    done
}
_glimt_complete() {
    [[ $after ]] || case $command" "$prev in
    "analyze --top") return 0 ;;
    "analyze --predictions") return 0 ;;
    "analyze --logits") _glimt_files; return 0 ;;
    "harvest --dict") return 0 ;;
    "harvest --class") _glimt_class; return 0 ;;
    "harvest --limit") return 0 ;;
    "latents --target") return 0 ;;
    "latents --sort") _glimt_words "latent difference overlap higher density"; return 0 ;;
    "latents --rows") return 0 ;;
    "latents --min-share") return 0 ;;
    "latents --max-other") return 0 ;;
    "latents --dict") return 0 ;;
    "latents --class") _glimt_class; return 0 ;;
    "latents --limit") return 0 ;;
    "find --target") return 0 ;;
    "find --rows") return 0 ;;
    "find --min-share") return 0 ;;
    "find --max-other") return 0 ;;
    "find --dict") return 0 ;;
    "find --class") _glimt_class; return 0 ;;
    "find --limit") return 0 ;;
    "histogram --target") return 0 ;;
    "histogram --rows") return 0 ;;
    "histogram --class") _glimt_class; return 0 ;;
    "histogram --limit") return 0 ;;
    "examples --rows") return 0 ;;
    "examples --class") _glimt_class; return 0 ;;
    "examples --limit") return 0 ;;
    "logit-lens --rows") return 0 ;;
    "coactive --rows") return 0 ;;
    "coactive --class") _glimt_class; return 0 ;;
    "coactive --limit") return 0 ;;
    "sweep --values") return 0 ;;
    "sweep --insert") _glimt_words "sae error sae,error"; return 0 ;;
    "sweep --rows") return 0 ;;
    "sweep --class") _glimt_class; return 0 ;;
    "sweep --limit") return 0 ;;
    "contrast words --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast words --dict") return 0 ;;
    "contrast words --class") _glimt_class; return 0 ;;
    "contrast words --limit") return 0 ;;
    "contrast ttest --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast ttest --target") return 0 ;;
    "contrast ttest --against") return 0 ;;
    "contrast ttest --alpha") return 0 ;;
    "contrast ttest --rows") return 0 ;;
    "contrast ttest --dict") return 0 ;;
    "contrast ttest --class") _glimt_class; return 0 ;;
    "contrast ttest --limit") return 0 ;;
    "contrast points --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast points --x") return 0 ;;
    "contrast points --y") return 0 ;;
    "contrast points --word") return 0 ;;
    "contrast points --dict") return 0 ;;
    "contrast points --rows") return 0 ;;
    "contrast points --class") _glimt_class; return 0 ;;
    "contrast points --limit") return 0 ;;
    "contrast probe --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast probe --target") return 0 ;;
    "contrast probe --against") return 0 ;;
    "contrast probe --C") return 0 ;;
    "contrast probe --folds") return 0 ;;
    "contrast probe --controls") return 0 ;;
    "contrast probe --dict") return 0 ;;
    "contrast probe --rows") return 0 ;;
    "contrast probe --class") _glimt_class; return 0 ;;
    "contrast probe --limit") return 0 ;;
    "contrast regress --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast regress --target") return 0 ;;
    "contrast regress --against") return 0 ;;
    "contrast regress --C") return 0 ;;
    "contrast regress --top") return 0 ;;
    "contrast regress --dict") return 0 ;;
    "contrast regress --rows") return 0 ;;
    "contrast regress --class") _glimt_class; return 0 ;;
    "contrast regress --limit") return 0 ;;
    "contrast kept --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast kept --target") return 0 ;;
    "contrast kept --against") return 0 ;;
    "contrast kept --C") return 0 ;;
    "contrast kept --folds") return 0 ;;
    "contrast kept --dict") return 0 ;;
    "contrast kept --rows") return 0 ;;
    "contrast kept --class") _glimt_class; return 0 ;;
    "contrast kept --limit") return 0 ;;
    "contrast compare --word-vector") _glimt_words "last mean first"; return 0 ;;
    "contrast compare --target") return 0 ;;
    "contrast compare --against") return 0 ;;
    "contrast compare --C") return 0 ;;
    "contrast compare --folds") return 0 ;;
    "contrast compare --dict") return 0 ;;
    "contrast compare --alpha") return 0 ;;
    "contrast compare --controls") return 0 ;;
    "contrast compare --class") _glimt_class; return 0 ;;
    "contrast compare --limit") return 0 ;;
    "neuron means --target") return 0 ;;
    "neuron means --from") return 0 ;;
    "neuron means --to") return 0 ;;
    "neuron means --off") return 0 ;;
    "neuron means --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron means --rows") return 0 ;;
    "neuron means --class") _glimt_class; return 0 ;;
    "neuron means --limit") return 0 ;;
    "neuron classify --target") return 0 ;;
    "neuron classify --from") return 0 ;;
    "neuron classify --to") return 0 ;;
    "neuron classify --tokens") return 0 ;;
    "neuron classify --layer") return 0 ;;
    "neuron classify --off") return 0 ;;
    "neuron classify --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron classify --rows") return 0 ;;
    "neuron classify --class") _glimt_class; return 0 ;;
    "neuron classify --limit") return 0 ;;
    "neuron ablate --target") return 0 ;;
    "neuron ablate --sets") _glimt_words "all all-but-one pairs"; return 0 ;;
    "neuron ablate --from") return 0 ;;
    "neuron ablate --to") return 0 ;;
    "neuron ablate --texts") return 0 ;;
    "neuron ablate --off") return 0 ;;
    "neuron ablate --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron ablate --rows") return 0 ;;
    "neuron ablate --class") _glimt_class; return 0 ;;
    "neuron ablate --limit") return 0 ;;
    "neuron boosts --target") return 0 ;;
    "neuron boosts --by") _glimt_words "direct lens"; return 0 ;;
    "neuron boosts --later") return 0 ;;
    "neuron boosts --layer") return 0 ;;
    "neuron boosts --from") return 0 ;;
    "neuron boosts --to") return 0 ;;
    "neuron boosts --texts") return 0 ;;
    "neuron boosts --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron boosts --max-norm") return 0 ;;
    "neuron boosts --min-embed") return 0 ;;
    "neuron boosts --top") return 0 ;;
    "neuron boosts --class") _glimt_class; return 0 ;;
    "neuron boosts --limit") return 0 ;;
    "neuron unigrams --target") return 0 ;;
    "neuron unigrams --from") return 0 ;;
    "neuron unigrams --to") return 0 ;;
    "neuron unigrams --texts") return 0 ;;
    "neuron unigrams --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron unigrams --top") return 0 ;;
    "neuron unigrams --class") _glimt_class; return 0 ;;
    "neuron unigrams --limit") return 0 ;;
    "neuron attribution --target") return 0 ;;
    "neuron attribution --from") return 0 ;;
    "neuron attribution --to") return 0 ;;
    "neuron attribution --texts") return 0 ;;
    "neuron attribution --off-at") return 0 ;;
    "neuron attribution --off") return 0 ;;
    "neuron attribution --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron attribution --rows") return 0 ;;
    "neuron attribution --class") _glimt_class; return 0 ;;
    "neuron attribution --limit") return 0 ;;
    "neuron patch --target") return 0 ;;
    "neuron patch --from") return 0 ;;
    "neuron patch --to") return 0 ;;
    "neuron patch --texts") return 0 ;;
    "neuron patch --off-at") return 0 ;;
    "neuron patch --off") return 0 ;;
    "neuron patch --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron patch --rows") return 0 ;;
    "neuron patch --class") _glimt_class; return 0 ;;
    "neuron patch --limit") return 0 ;;
    "neuron effects --target") return 0 ;;
    "neuron effects --from") return 0 ;;
    "neuron effects --to") return 0 ;;
    "neuron effects --texts") return 0 ;;
    "neuron effects --off-at") return 0 ;;
    "neuron effects --off") return 0 ;;
    "neuron effects --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron effects --rows") return 0 ;;
    "neuron effects --metric") _glimt_words "loss logit"; return 0 ;;
    "neuron effects --class") _glimt_class; return 0 ;;
    "neuron effects --limit") return 0 ;;
    "neuron downstream --target") return 0 ;;
    "neuron downstream --from") return 0 ;;
    "neuron downstream --to") return 0 ;;
    "neuron downstream --texts") return 0 ;;
    "neuron downstream --on-at") return 0 ;;
    "neuron downstream --off-at") return 0 ;;
    "neuron downstream --off") return 0 ;;
    "neuron downstream --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron downstream --layers") return 0 ;;
    "neuron downstream --dict") return 0 ;;
    "neuron downstream --top") return 0 ;;
    "neuron downstream --class") _glimt_class; return 0 ;;
    "neuron downstream --limit") return 0 ;;
    "neuron shift --target") return 0 ;;
    "neuron shift --from") return 0 ;;
    "neuron shift --to") return 0 ;;
    "neuron shift --texts") return 0 ;;
    "neuron shift --on-at") return 0 ;;
    "neuron shift --off-at") return 0 ;;
    "neuron shift --off") return 0 ;;
    "neuron shift --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron shift --later") return 0 ;;
    "neuron shift --tokens") return 0 ;;
    "neuron shift --rows") return 0 ;;
    "neuron shift --class") _glimt_class; return 0 ;;
    "neuron shift --limit") return 0 ;;
    "neuron examples --target") return 0 ;;
    "neuron examples --from") return 0 ;;
    "neuron examples --to") return 0 ;;
    "neuron examples --texts") return 0 ;;
    "neuron examples --on-at") return 0 ;;
    "neuron examples --off-at") return 0 ;;
    "neuron examples --off") return 0 ;;
    "neuron examples --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron examples --later") return 0 ;;
    "neuron examples --shift") return 0 ;;
    "neuron examples --later-at") return 0 ;;
    "neuron examples --weight") return 0 ;;
    "neuron examples --top") return 0 ;;
    "neuron examples --class") _glimt_class; return 0 ;;
    "neuron examples --limit") return 0 ;;
    "neuron chains --target") return 0 ;;
    "neuron chains --from") return 0 ;;
    "neuron chains --to") return 0 ;;
    "neuron chains --texts") return 0 ;;
    "neuron chains --on-at") return 0 ;;
    "neuron chains --off-at") return 0 ;;
    "neuron chains --off") return 0 ;;
    "neuron chains --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron chains --later") return 0 ;;
    "neuron chains --best") return 0 ;;
    "neuron chains --layers") return 0 ;;
    "neuron chains --dict") return 0 ;;
    "neuron chains --top") return 0 ;;
    "neuron chains --class") _glimt_class; return 0 ;;
    "neuron chains --limit") return 0 ;;
    "neuron position --target") return 0 ;;
    "neuron position --from") return 0 ;;
    "neuron position --to") return 0 ;;
    "neuron position --texts") return 0 ;;
    "neuron position --on-at") return 0 ;;
    "neuron position --off-at") return 0 ;;
    "neuron position --off") return 0 ;;
    "neuron position --insert") _glimt_words "none sae error"; return 0 ;;
    "neuron position --later") return 0 ;;
    "neuron position --shift") return 0 ;;
    "neuron position --later-at") return 0 ;;
    "neuron position --text") return 0 ;;
    "neuron position --at") return 0 ;;
    "neuron position --top") return 0 ;;
    "neuron position --min-logp") return 0 ;;
    "neuron position --max-norm") return 0 ;;
    "neuron position --min-embed") return 0 ;;
    "neuron position --class") _glimt_class; return 0 ;;
    "neuron position --limit") return 0 ;;
    "neuron similar --layers") return 0 ;;
    "neuron similar --dict") return 0 ;;
    "neuron similar --top") return 0 ;;
    "neuron groups --layers") return 0 ;;
    "neuron groups --dict") return 0 ;;
    "neuron groups --min-cosine") return 0 ;;
    "neuron groups --rows") return 0 ;;
    "generate --tokens") return 0 ;;
    "generate --temperature") return 0 ;;
    "snapshot --size") return 0 ;;
    "snapshot --play") _glimt_files; return 0 ;;
    "snapshot --state") return 0 ;;
    "snapshot --dict") return 0 ;;
    "convert --to") return 0 ;;
    "bundle new --title") return 0 ;;
    "bundle new --class") _glimt_class; return 0 ;;
    "bundle new --label") return 0 ;;
    "bundle new --limit") return 0 ;;
    "cache --sample") return 0 ;;
    "cache --days") return 0 ;;
    "cache --bytes") return 0 ;;
    " --state") return 0 ;;
    " --play") _glimt_files; return 0 ;;
    " --session") return 0 ;;
    *" --model") _glimt_models; _glimt_files; return 0 ;;
    *" --sae") _glimt_files; return 0 ;;
    *" --hook") _glimt_words "embed layers.0.resid.pre layers.0.attn.z layers.0.attn.out layers.0.resid.mid layers.0.mlp.normalized layers.0.mlp.in layers.0.mlp.pre layers.0.mlp.act layers.0.mlp.out layers.0.resid.post layers.1.resid.pre layers.1.attn.z layers.1.attn.out layers.1.resid.mid layers.1.mlp.normalized layers.1.mlp.in layers.1.mlp.pre layers.1.mlp.act layers.1.mlp.out layers.1.resid.post layers.2.resid.pre layers.2.attn.z layers.2.attn.out layers.2.resid.mid layers.2.mlp.normalized layers.2.mlp.in layers.2.mlp.pre layers.2.mlp.act layers.2.mlp.out layers.2.resid.post layers.3.resid.pre layers.3.attn.z layers.3.attn.out layers.3.resid.mid layers.3.mlp.normalized layers.3.mlp.in layers.3.mlp.pre layers.3.mlp.act layers.3.mlp.out layers.3.resid.post layers.4.resid.pre layers.4.attn.z layers.4.attn.out layers.4.resid.mid layers.4.mlp.normalized layers.4.mlp.in layers.4.mlp.pre layers.4.mlp.act layers.4.mlp.out layers.4.resid.post layers.5.resid.pre layers.5.attn.z layers.5.attn.out layers.5.resid.mid layers.5.mlp.normalized layers.5.mlp.in layers.5.mlp.pre layers.5.mlp.act layers.5.mlp.out layers.5.resid.post layers.6.resid.pre layers.6.attn.z layers.6.attn.out layers.6.resid.mid layers.6.mlp.normalized layers.6.mlp.in layers.6.mlp.pre layers.6.mlp.act layers.6.mlp.out layers.6.resid.post layers.7.resid.pre layers.7.attn.z layers.7.attn.out layers.7.resid.mid layers.7.mlp.normalized layers.7.mlp.in layers.7.mlp.pre layers.7.mlp.act layers.7.mlp.out layers.7.resid.post layers.8.resid.pre layers.8.attn.z layers.8.attn.out layers.8.resid.mid layers.8.mlp.normalized layers.8.mlp.in layers.8.mlp.pre layers.8.mlp.act layers.8.mlp.out layers.8.resid.post layers.9.resid.pre layers.9.attn.z layers.9.attn.out layers.9.resid.mid layers.9.mlp.normalized layers.9.mlp.in layers.9.mlp.pre layers.9.mlp.act layers.9.mlp.out layers.9.resid.post layers.10.resid.pre layers.10.attn.z layers.10.attn.out layers.10.resid.mid layers.10.mlp.normalized layers.10.mlp.in layers.10.mlp.pre layers.10.mlp.act layers.10.mlp.out layers.10.resid.post layers.11.resid.pre layers.11.attn.z layers.11.attn.out layers.11.resid.mid layers.11.mlp.normalized layers.11.mlp.in layers.11.mlp.pre layers.11.mlp.act layers.11.mlp.out layers.11.resid.post final_norm"; return 0 ;;
    *" --bundle") _glimt_files; return 0 ;;
    *" --latents") return 0 ;;
    *" --neurons") _glimt_words "all"; return 0 ;;
    *" --fix") return 0 ;;
    *" --insert") _glimt_words "none sae error"; return 0 ;;
    *" --encoding") _glimt_words "latin1 windows-1252 utf-16le utf-16be utf-8"; return 0 ;;
    *" --context") _glimt_words "line join"; return 0 ;;
    *" --device") _glimt_words "auto cpu cuda list"; return 0 ;;
    *" --dtype") _glimt_words "auto f32 bf16 f16"; return 0 ;;
    *" --threads") return 0 ;;
    *" --svg") _glimt_files; return 0 ;;
    *" --output") _glimt_files; return 0 ;;
    *" --cache") _glimt_words "none"; _glimt_files; return 0 ;;
    *" --seed") return 0 ;;
    *" --color") _glimt_words "auto never always 16 256 direct"; return 0 ;;
    *" --theme") _glimt_words "dark light paper terminal"; _glimt_themes; return 0 ;;
    esac
    if [[ $cur == -* && ! $after ]]; then
        _glimt_words "--help --model --sae --hook --bundle --latents --neurons --fix --insert --bos --no-bos --tl-weights --no-tl-weights --special --encoding --context --device --dtype --threads --json --csv --svg --output --cache --seed --quiet --progress --color --theme $own"
        [[ $command ]] || _glimt_words "--version --completions --state --play --session"
        return 0
    fi
    case $command in
    '') _glimt_words "analyze harvest latents find histogram examples logit-lens coactive sweep contrast neuron generate snapshot tokenize verify models saes pull convert bundle cache doctor" ;;
    bundle) _glimt_words "new" ;;
    contrast) _glimt_words "words ttest points probe regress kept compare" ;;
    neuron) _glimt_words "means classify ablate boosts unigrams attribution patch effects downstream shift examples chains position similar groups" ;;
    "harvest") _glimt_files; ;;
    "latents") _glimt_files; ;;
    "find") _glimt_files; ;;
    "histogram") _glimt_files; ;;
    "examples") _glimt_files; ;;
    "coactive") _glimt_files; ;;
    "sweep") _glimt_files; ;;
    "contrast words") _glimt_files; ;;
    "contrast ttest") _glimt_files; ;;
    "contrast points") _glimt_files; ;;
    "contrast probe") _glimt_files; ;;
    "contrast regress") _glimt_files; ;;
    "contrast kept") _glimt_files; ;;
    "contrast compare") _glimt_files; ;;
    "neuron means") _glimt_files; ;;
    "neuron classify") _glimt_files; ;;
    "neuron ablate") _glimt_files; ;;
    "neuron boosts") _glimt_files; ;;
    "neuron unigrams") _glimt_files; ;;
    "neuron attribution") _glimt_files; ;;
    "neuron patch") _glimt_files; ;;
    "neuron effects") _glimt_files; ;;
    "neuron downstream") _glimt_files; ;;
    "neuron shift") _glimt_files; ;;
    "neuron examples") _glimt_files; ;;
    "neuron chains") _glimt_files; ;;
    "neuron position") _glimt_files; ;;
    "snapshot") _glimt_words "explore latents histograms sweep corpus jobs contrast neurons"; ;;
    "verify") _glimt_models; _glimt_files; ;;
    "saes") _glimt_models; _glimt_files; ;;
    "pull") _glimt_models; ;;
    "bundle new") _glimt_files; ;;
    "cache") _glimt_words "list verify prune"; ;;
    esac
}
_glimt() {
    local cur prev word head= command= own= after= skip= joined=() i n
    COMPREPLY=()
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]} n=${#joined[@]}
        if ((n > 0)) && [[ $word == [=@] || ${joined[n-1]} == *[=@] ]]; then
            joined[n-1]+=$word
        else
            joined+=("$word")
        fi
    done
    n=${#joined[@]}
    ((n > 0)) || return 0
    cur=${joined[n-1]} prev=
    ((n > 1)) && prev=${joined[n-2]}
    if [[ $cur == --*=* ]]; then
        prev=${cur%%=*} head=$prev= cur=${cur#*=}
    fi
    for word in "${joined[@]:0:n-1}"; do
        if [[ $skip ]]; then
            skip=
            continue
        fi
        case $word in
        --) after=$word ;;
        --model|--sae|--hook|--bundle|--latents|--neurons|--fix|--insert|--encoding|--context|--device|--dtype|--threads|--svg|--output|--cache|--seed|--color|--theme|--state|--play|--session|--top|--predictions|--logits|--dict|--class|--limit|--target|--sort|--rows|--min-share|--max-other|--values|--word-vector|--against|--alpha|--x|--y|--word|--C|--folds|--controls|--from|--to|--off|--layer|--sets|--texts|--by|--later|--max-norm|--min-embed|--off-at|--metric|--on-at|--layers|--shift|--later-at|--weight|--best|--text|--at|--min-logp|--min-cosine|--temperature|--size|--title|--label|--sample|--days|--bytes) skip=1 ;;
        -*) ;;
        *) case ${command:+$command }$word in
            bundle) command=bundle own= ;;
            contrast) command=contrast own= ;;
            neuron) command=neuron own= ;;
            "analyze") command="analyze" own=" --top --predictions --logits" ;;
            "harvest") command="harvest" own=" --keep-activations --dict --class --limit --header" ;;
            "latents") command="latents" own=" --target --sort --rows --min-share --max-other --dict --class --limit --header" ;;
            "find") command="find" own=" --target --rows --min-share --max-other --dict --class --limit --header" ;;
            "histogram") command="histogram" own=" --tokens --target --as-published --rows --class --limit --header" ;;
            "examples") command="examples" own=" --rows --all --class --limit --header" ;;
            "logit-lens") command="logit-lens" own=" --rows" ;;
            "coactive") command="coactive" own=" --rows --class --limit --header" ;;
            "sweep") command="sweep" own=" --values --insert --each --rows --class --limit --header" ;;
            "contrast words") command="contrast words" own=" --word-vector --space --pre --dict --class --limit --header" ;;
            "contrast ttest") command="contrast ttest" own=" --word-vector --space --pre --target --against --alpha --welch --rows --dict --class --limit --header" ;;
            "contrast points") command="contrast points" own=" --word-vector --space --pre --x --y --hooked --word --dict --rows --class --limit --header" ;;
            "contrast probe") command="contrast probe" own=" --word-vector --space --pre --target --against --C --folds --controls --dict --rows --class --limit --header" ;;
            "contrast regress") command="contrast regress" own=" --word-vector --space --pre --target --against --C --l1 --top --dict --rows --class --limit --header" ;;
            "contrast kept") command="contrast kept" own=" --word-vector --space --pre --target --against --C --folds --dict --rows --class --limit --header" ;;
            "contrast compare") command="contrast compare" own=" --word-vector --space --pre --target --against --C --folds --dict --alpha --welch --controls --class --limit --header" ;;
            "neuron means") command="neuron means" own=" --target --from --to --off --insert --rows --class --limit --header" ;;
            "neuron classify") command="neuron classify" own=" --target --from --to --tokens --layer --histograms --off --insert --rows --class --limit --header" ;;
            "neuron ablate") command="neuron ablate" own=" --target --sets --from --to --texts --off --insert --as-published --rows --class --limit --header" ;;
            "neuron boosts") command="neuron boosts" own=" --target --by --later --layer --from --to --texts --insert --max-norm --min-embed --top --as-published --class --limit --header" ;;
            "neuron unigrams") command="neuron unigrams" own=" --target --from --to --texts --insert --top --by-tokens --class --limit --header" ;;
            "neuron attribution") command="neuron attribution" own=" --target --from --to --texts --off-at --off --insert --rows --frozen-scale --class --limit --header" ;;
            "neuron patch") command="neuron patch" own=" --target --from --to --texts --off-at --off --insert --rows --class --limit --header" ;;
            "neuron effects") command="neuron effects" own=" --target --from --to --texts --off-at --off --insert --rows --metric --frozen-scale --class --limit --header" ;;
            "neuron downstream") command="neuron downstream" own=" --target --from --to --texts --on-at --off-at --off --insert --layers --dict --top --class --limit --header" ;;
            "neuron shift") command="neuron shift" own=" --target --from --to --texts --on-at --off-at --off --insert --later --tokens --losses --rows --class --limit --header" ;;
            "neuron examples") command="neuron examples" own=" --target --from --to --texts --on-at --off-at --off --insert --later --shift --later-at --weight --top --class --limit --header" ;;
            "neuron chains") command="neuron chains" own=" --target --from --to --texts --on-at --off-at --off --insert --later --best --layers --dict --top --class --limit --header" ;;
            "neuron position") command="neuron position" own=" --target --from --to --texts --on-at --off-at --off --insert --later --shift --later-at --text --at --top --min-logp --max-norm --min-embed --class --limit --header" ;;
            "neuron similar") command="neuron similar" own=" --layers --dict --top" ;;
            "neuron groups") command="neuron groups" own=" --layers --dict --min-cosine --rows" ;;
            "generate") command="generate" own=" --tokens --temperature" ;;
            "snapshot") command="snapshot" own=" --size --play --state --dict --text --ansi" ;;
            "tokenize") command="tokenize" own=" --decode --ids-only" ;;
            "verify") command="verify" own="" ;;
            "models") command="models" own="" ;;
            "saes") command="saes" own="" ;;
            "pull") command="pull" own=" --all" ;;
            "convert") command="convert" own=" --to" ;;
            "bundle new") command="bundle new" own=" --title --class --label --limit --statistics --header --force" ;;
            "cache") command="cache" own=" --sample --days --bytes" ;;
            "doctor") command="doctor" own="" ;;
            esac ;;
        esac
    done
    _glimt_complete
    if [[ $head && $COMP_WORDBREAKS != *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/"$head"}")
    fi
}
complete -F _glimt glimt

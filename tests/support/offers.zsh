# What zsh offers for the last word of a line, one a line:
#   zsh -f offers.zsh FOLDER_OF_FUNCTIONS FOLDER LINE
# Completion runs in the line editor alone, so this asks an interactive zsh, which reads this file
# too and whose compadd tells the words that it would insert.
if [[ -o interactive ]]; then
    PROMPT= RPROMPT=
    unset zle_bracketed_paste
    fpath=($1 $fpath)
    autoload -Uz compinit && compinit -D -u
    bindkey '^I' complete-word
    compadd() {
        [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
        local -a hits
        local hit
        builtin compadd -A hits "$@"
        for hit in $hits; do print -r -- "@@$IPREFIX$hit"; done
        return 1
    }
    before() { print; print @@BEGIN }
    after() { print @@END; exit }
    compprefuncs=(before) comppostfuncs=(after)
    cd $2
    print @@READY
    return
fi
zmodload zsh/zpty || exit 3
zpty asked zsh -f -i
zpty -w asked "source ${(q)0:a} ${(q)1} ${(q)2}"
zpty -r asked out $'*\n@@READY*'
zpty -w -n asked "$3"$'\t'
zpty -r asked out $'*\n@@END*'
for line in "${(@f)${out#*@@BEGIN}//$'\r'}"; do
    if [[ $line == @@* && $line != @@END ]]; then
        print -r -- ${line#@@}
    fi
done

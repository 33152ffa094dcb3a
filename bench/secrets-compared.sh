#!/usr/bin/env bash
# Runs Towpath and five other tools that keep secrets in files beside the code through the same situations, and prints
# one line for each: `behaviour | tool | what happened`. docs/guide/secrets-compared.md is taken from what it prints.
#
#     bench/secrets-compared.sh [DIRECTORY]
#
# DIRECTORY is where the others are installed, with cargo and npm, unless they are there already; target/compared unless
# said. TOWPATH_BIN names the program to run; target/release/towpath unless said. SETS and KILLS say how many `set`s run
# at once, and how many are killed; TOOLS and ROWS name some of each; INSTALLED=1 installs nothing. Needs bash, git, node,
# npm, cargo and util-linux's `script`; fnox is built with the headers of libudev.
#
# Everything happens in a scratch directory with a home of its own. Nothing that is printed is written down here
# beforehand: each text is made of what was seen, and where a tool has no command for something, of its own help.
set -euo pipefail

ROPS=0.1.7
DOTENVX=2.38.2
FNOX=1.46.0
SECRETSPEC=0.21.1
VARLOCK=1.16.1
TOOLS=${TOOLS:-"towpath rops dotenvx fnox secretspec varlock"}
SETS=${SETS:-20}
KILLS=${KILLS:-20}

here=$(cd "$(dirname "$0")/.." && pwd)
towpath=$(realpath "${TOWPATH_BIN:-$here/target/release/towpath}")
mkdir -p "${1:-$here/target/compared}"
rivals=$(realpath "${1:-$here/target/compared}")

# ---------------------------------------------------------------------------------------------------- installing

# Builds one program from crates.io, quickly rather than well: how fast it runs is not what is compared. Where the
# versions that its lock file names cannot be had, others that it accepts are taken.
crate() { # PROGRAM PACKAGE VERSION [ARGUMENT…]
    local program=$1 package=$2 version=$3
    shift 3
    [ -x "$rivals/bin/$program" ] && return
    echo "installing $package $version" >&2
    (
        export CARGO_TARGET_DIR="$rivals/target" CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=false
        export CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256
        cargo install --quiet --root "$rivals" "$package" --version "$version" --locked "$@" ||
            cargo install --quiet --root "$rivals" "$package" --version "$version" "$@"
    ) >&2 || echo "could not install $package $version" >&2
}

install_rivals() {
    crate rops rops-cli "$ROPS"
    crate secretspec secretspec "$SECRETSPEC" --no-default-features --features cli,age,sops
    crate fnox fnox "$FNOX"
    if [ ! -d "$rivals/node_modules/varlock" ] || [ ! -d "$rivals/node_modules/@dotenvx/dotenvx" ]; then
        echo "installing @dotenvx/dotenvx $DOTENVX and varlock $VARLOCK" >&2
        npm install --silent --no-save --prefix "$rivals" "@dotenvx/dotenvx@$DOTENVX" "varlock@$VARLOCK" >&2
    fi
}

[ -n "${INSTALLED:-}" ] || install_rivals
scratch=$(mktemp -d)
held=
trap '[ -z "$held" ] || kill "$held" 2>/dev/null || true; rm -rf "$scratch"' EXIT

# ------------------------------------------------------------------------------------------------------ the scene

export HOME=$scratch/home TOWPATH_DATA=$scratch/data DO_NOT_TRACK=1 VARLOCK_TELEMETRY_DISABLED=1 NO_COLOR=1
export RUST_BACKTRACE=0 GIT_CONFIG_GLOBAL=$scratch/gitconfig TMPDIR=$scratch/tmp
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_RUNTIME_DIR SOPS_AGE_KEY SOPS_AGE_KEY_FILE FORCE_COLOR
mkdir -p "$HOME/.config/fnox" "$TMPDIR"
export PATH=$rivals/bin:$rivals/node_modules/.bin:$PATH
ACTOR=dana@acme.test
REASON="a look at the mail queue"
KEYS="ALPHA OMEGA THIRD"
git config --file "$GIT_CONFIG_GLOBAL" user.email "$ACTOR"
git config --file "$GIT_CONFIG_GLOBAL" user.name Dana
git config --file "$GIT_CONFIG_GLOBAL" init.defaultBranch main

# Dana acts; Lee is somebody who leaves; the third key belongs to nobody here.
keygen() { (cd "$scratch" && "$towpath" secret keygen --output "$1" 2>/dev/null | grep -o 'age1[a-z0-9]*' | head -n 1); }
key_file=$HOME/.config/sops/age/keys.txt
mkdir -p "$(dirname "$key_file")"
dana=$(keygen "$key_file")
lee=$(keygen "$scratch/lee.txt")
keygen "$scratch/stranger.txt" >/dev/null
secret_half() { grep -o 'AGE-SECRET-KEY-[A-Z0-9]*' "$1"; }
cp "$key_file" "$HOME/.config/fnox/age.txt"

# A terminal that rops finds at its standard input: it takes a file's name nowhere else.
terminal() {
    [ -z "$held" ] || return 0
    script -qfc "tty > '$scratch/tty'; exec sleep 100000" /dev/null >/dev/null 2>&1 </dev/null &
    held=$!
    until [ -s "$scratch/tty" ]; do sleep 0.05; done
}

# The value of a key tells where it belongs; the end makes it one that appears nowhere else.
value() { echo "$1-$2-$3-7f3KqP9x"; } # PROJECT ENVIRONMENT KEY

# ------------------------------------------------------------------------------- each tool: the same few functions
#
# T_lay DIRECTORY PROJECT   a project with environments staging and production, which both have all the keys
# T_file ENVIRONMENT        the file that has the environment's secrets, from the project's directory
# T_run ENVIRONMENT         sets ARGV to what a command is put behind
# T_set ENVIRONMENT KEY     sets a key to what comes from standard input
# T_get ENVIRONMENT KEY     prints a value
# T_lose ENVIRONMENT KEY    takes the value away; the key stays declared where a tool declares keys
# T_help                    everything that its commands say of themselves

towpath_lay() {
    git init -q "$1"
    {
        printf '[project]\nname = "%s"\n\n[roles.developer]\nmembers = ["%s"]\n\n' "$2" "$ACTOR"
        printf '[recipients.dana]\nage = "%s"\nperson = "%s"\n\n' "$dana" "$ACTOR"
        printf '[recipients.lee]\nage = "%s"\nperson = "lee@acme.test"\n\n' "$lee"
        for key in $KEYS; do printf '[config.%s]\nsecret = true\nprevious = "%s_BEFORE"\n\n' "$key" "$key"; done
        for n in $(seq -w 1 "$SETS"); do printf '[config.K%s]\nsecret = true\nrequired = false\n\n' "$n"; done
        for environment in staging production; do
            printf '[environments.%s]\ndescription = "One"\nused_by = ["developer"]\nrecipients = ["dana", "lee"]\n\n' \
                "$environment"
        done
    } >"$1/towpath.toml"
    fill towpath "$1" "$2"
}
towpath_file() { echo "secrets/$1.yaml"; }
towpath_run() { ARGV=("$towpath" run "$1" -m "$REASON" --); }
towpath_set() { exec "$towpath" secret set "$1" "$2"; }
towpath_get() { "$towpath" secret get "$1" "$2" --reveal; }
towpath_lose() { "$towpath" secret rm "$1" "$2"; }
towpath_help() { "$towpath" secret --help; "$towpath" run --help; "$towpath" config --help; }

rops_lay() {
    terminal
    mkdir -p "$1"
    local environment key
    for environment in staging production; do
        for key in $KEYS; do echo "$key: $(value "$2" "$environment" "$key")"; done |
            rops encrypt --age "$dana" --format yaml >"$1/$environment.yaml"
        ROPS_AGE=$(secret_half "$key_file") rops keys add --age "$lee" "$1/$environment.yaml" <"$(cat "$scratch/tty")"
    done
}
rops_file() { echo "$1.yaml"; }
rops_open() { ROPS_AGE=$(secret_half "$key_file") rops decrypt --format yaml <"$1.yaml"; }
rops_set() {
    local editor
    editor=$(mktemp)
    { echo '#!/bin/sh'; echo "sed -i '/^$2:/d' \"\$1\"; echo '$2: $(cat)' >> \"\$1\""; } >"$editor"
    chmod +x "$editor"
    ROPS_AGE=$(secret_half "$key_file") EDITOR=$editor exec rops edit "$1.yaml" <"$(cat "$scratch/tty")"
}
rops_get() { rops_open "$1" | sed -n "s/^$2: //p"; }
rops_lose() { ROPS_AGE=$(secret_half "$key_file") EDITOR="sed -i /^$2:/d" rops edit "$1.yaml" <"$(cat "$scratch/tty")"; }
rops_help() { rops --help; for verb in encrypt decrypt edit keys refresh; do rops "$verb" --help; done; }

dotenvx_lay() {
    mkdir -p "$1"
    fill dotenvx "$1" "$2"
    for key in $KEYS; do echo "env \"$key\""; done >"$1/Envfile.asked"
}
dotenvx_file() { echo ".env.$1"; }
dotenvx_run() { ARGV=(dotenvx run "${EXTRA[@]}" -f ".env.$1" --); }
# It takes values as arguments only.
dotenvx_set() { local text; text=$(cat); exec dotenvx set "$2" "$text" -f ".env.$1"; }
dotenvx_get() { dotenvx get "$2" -f ".env.$1"; }
dotenvx_lose() { dotenvx del "$2" -f ".env.$1"; }
dotenvx_strict() { cp Envfile.asked Envfile; EXTRA=(--strict); STRICT="an Envfile and --strict"; }
dotenvx_help() { dotenvx --help; dotenvx hidden --help; dotenvx run --help; dotenvx set --help; }

fnox_lay() {
    mkdir -p "$1"
    printf 'default_provider = "age"\n\n[providers.age]\ntype = "age"\nrecipients = ["%s", "%s"]\n' "$dana" "$lee" \
        >"$1/fnox.toml"
    local environment
    for environment in staging production; do printf '[secrets]\n' >"$1/fnox.$environment.toml"; done
    fill fnox "$1" "$2"
}
fnox_file() { echo "fnox.$1.toml"; }
fnox_run() { ARGV=(fnox -P "$1" exec "${EXTRA[@]}" --); }
fnox_set() { exec fnox -P "$1" set "$2"; }
fnox_get() { fnox -P "$1" get "$2"; }
fnox_lose() { sed -i "s/^$2 *=.*/$2 = { provider = \"age\" }/" "fnox.$1.toml"; }
fnox_strict() { sed -i '1i if_missing = "error"' fnox.toml; STRICT='if_missing = "error"'; }
fnox_help() { fnox --help; fnox exec --help; fnox set --help; fnox reencrypt --help; }

secretspec_lay() {
    mkdir -p "$1"
    {
        printf '[project]\nname = "%s"\nrevision = "1.0"\n\n[providers]\n' "$2"
        for environment in staging production; do
            printf '%s = "age://%s.age?identity=%s&recipients-file=recipients.txt"\n' \
                "$environment" "$environment" "$key_file"
        done
        for environment in staging production; do
            printf '\n[profiles.%s]\n' "$environment"
            for key in $KEYS; do
                printf '%s = { description = "One", required = true, providers = ["%s"] }\n' "$key" "$environment"
            done
            for n in $(seq -w 1 "$SETS"); do
                printf 'K%s = { description = "One", required = false, providers = ["%s"] }\n' "$n" "$environment"
            done
        done
    } >"$1/secretspec.toml"
    printf '%s\n%s\n' "$dana" "$lee" >"$1/recipients.txt"
    fill secretspec "$1" "$2"
}
secretspec_file() { echo "$1.age"; }
secretspec_run() { ARGV=(secretspec run -P "$1" --reason "$REASON" --); }
secretspec_set() { exec secretspec set "$2" -P "$1" --from-file -; }
secretspec_get() { secretspec get "$2" -P "$1"; }
secretspec_lose() { secretspec delete "$2" -P "$1"; }
secretspec_help() { secretspec --help; secretspec run --help; secretspec set --help; }

varlock_lay() {
    mkdir -p "$1"
    {
        printf '# @currentEnv=$APP_ENV @defaultSensitive=true @defaultRequired=true\n# ---\n# @sensitive=false\nAPP_ENV=\n'
        for key in $KEYS; do echo "$key="; done
    } >"$1/.env.schema"
    local environment key
    for environment in staging production; do
        for key in $KEYS; do
            echo "$key=$(value "$2" "$environment" "$key" | varlock encrypt 2>/dev/null | grep -o 'varlock(.*)')"
        done >"$1/.env.$environment"
    done
}
varlock_file() { echo ".env.$1"; }
varlock_run() { ARGV=(env "APP_ENV=$1" varlock run --); }
varlock_get() { APP_ENV=$1 varlock printenv "$2"; }
varlock_lose() { sed -i "/^$2=/d" ".env.$1"; }
varlock_help() { varlock --help; varlock run --help; varlock encrypt --help; }

fill() { # TOOL DIRECTORY PROJECT: sets every key of both environments
    local environment key
    for environment in staging production; do
        for key in $KEYS; do
            (cd "$2" && value "$3" "$environment" "$key" | tr -d '\n' | "$1_set" "$environment" "$key") >/dev/null 2>&1
        done
    done
}

# ---------------------------------------------------------------------------------------------- looking at what is

is() { declare -F "$1" >/dev/null; }

report() { printf '%s | %s | %s\n' "$1" "$tool" "$2"; }

# A fresh copy of a project, with its lock files and nothing of what earlier rows did to it.
fresh() { # [PROJECT]
    local project=${1:-acme}
    rm -rf "$scratch/at/$tool-$project"
    mkdir -p "$scratch/at"
    cp -a "$scratch/laid/$tool-$project" "$scratch/at/$tool-$project"
    cd "$scratch/at/$tool-$project"
}

# What it said went wrong: the first line that looks like it, else the first line.
complaint() {
    local text
    text=$(sed -e $'s/\x1b\\[[0-9;?]*[a-zA-Z]//g' -e "s#$scratch/at/[a-z-]*/##g; s#$scratch#…#g" "$1" |
        grep -viE '^ *(note:|install with|or:|next steps|🚨.*|$)' || true)
    {
        grep -E '╰─▶' <<<"$text" | tail -n 1 | grep . ||
            grep -iE 'error|could not|cannot|fail|denied|mac |miss|requir|not |refus|invalid|☠|×' <<<"$text" ||
            echo "$text"
    } | head -n 1 | sed -e 's/^[ ×│╰─▶☠]*//; s/|/\//g' | cut -c 1-160 || true
}

# What whoever asks for an environment gets: a command is started and puts down what it found; or, of a tool that starts
# no commands, the file is decrypted. Prints a sentence; each known value is told by where it belongs.
consume() { # ENVIRONMENT
    local status=0 key said=
    rm -f seen.*
    if is "${tool}_run"; then
        "${tool}_run" "$1"
        # shellcheck disable=SC2016
        "${ARGV[@]}" sh -c 'for key in ALPHA OMEGA THIRD; do printenv "$key" > "seen.$key"; done; true' \
            >out 2>err </dev/null || status=$?
    else
        if "${tool}_open" "$1" >opened 2>err </dev/null; then
            for key in $KEYS; do sed -n "s/^$key: //p" opened >"seen.$key"; done
        else
            status=$?
        fi
    fi
    if [ ! -e seen.ALPHA ]; then
        echo "refused, status $status: $(complaint err)"
        return
    fi
    for key in $KEYS; do
        local found
        found=$(cat "seen.$key")
        case $found in
            "$(value acme "$1" "$key")") continue ;;
            "") said+=", $key is not there" ;;
            *-7f3KqP9x) said+=", $key has the value of ${found%-7f3KqP9x}" ;;
            *encrypted:* | *ENC\[* | varlock\(*) said+=", $key is the ciphertext" ;;
            *) said+=", $key is something else (${#found} bytes)" ;;
        esac
    done
    local verb=started
    is "${tool}_run" || verb=decrypted
    [ -n "$said" ] || said=", all values as they should be"
    if [ "$status" -ne 0 ]; then said+=", status $status"; fi
    echo "$verb${said}$(grep -qiE '☠|error|warn|fail' err && echo "; it says: $(complaint err)" || true)"
}

# Reports what whoever asks for staging gets; and once more where the tool can be told to be strict and then does other
# than before.
both() { # BEHAVIOUR
    local plain strict
    plain=$(consume staging)
    report "$1" "$plain"
    is "${tool}_strict" || return 0
    "${tool}_strict"
    strict=$(consume staging)
    [ "$strict" = "$plain" ] || report "$1" "with $STRICT: $strict"
    EXTRA=()
}

# The command that a tool does not have, by its own help; else what its help says of it.
by_its_help() { # WORD (an extended regular expression)
    local lines
    lines=$("${tool}_help" 2>&1 | sed $'s/\x1b\\[[0-9;?]*[a-zA-Z]//g' | grep -iE "$1" | head -n 1 |
        sed 's/^ *//; s/  */ /g; s/|/\//g' || true)
    if [ -n "$lines" ]; then echo "its help has: ${lines:0:100}"; else echo "has no such command"; fi
}

# Exchanges what two keys have in a file, where each has a line of its own.
swap_keys() { # FILE KEY OTHER
    awk -v one="$2" -v other="$3" '
        function key(line) { sub(/^[ \t]*/, "", line); match(line, /^[A-Z0-9_]+/); return substr(line, 1, RLENGTH) }
        function head(line) { match(line, /^[ \t]*[A-Z0-9_]+[ \t]*[:=]/); return substr(line, 1, RLENGTH) }
        function rest(line) { return substr(line, length(head(line)) + 1) }
        NR == FNR { if (key($0) == one && !a) a = rest($0); if (key($0) == other && !b) b = rest($0); next }
        a && b && key($0) == one && !da { print head($0) b; da = 1; next }
        a && b && key($0) == other && !db { print head($0) a; db = 1; next }
        { print }
    ' "$1" "$1" >swapped
    if cmp -s swapped "$1"; then return 1; fi
    cat swapped >"$1"
}

# Puts what a key has in one file into another file.
graft() { # FROM TO KEY
    local line
    line=$(grep -m 1 -E "^ *$3 *[:=]" "$1") || return 1
    awk -v key="$3" -v line="$line" '$0 ~ "^ *" key " *[:=]" && !done { print line; done = 1; next } { print }' "$2" >grafted
    cat grafted >"$2"
}

# Changes one letter in the midst of a ciphertext: of a key, or, where keys have no lines, of the file.
flip() { # FILE KEY
    local line before after middle letter
    line=$(grep -m 1 -E "^ *$2 *[:=]" "$1" || sed -n 6p "$1")
    before=$(grep -oE '[A-Za-z0-9+/]{24,}' <<<"$line" | head -n 1)
    middle=$((${#before} / 2))
    letter=A
    [ "${before:middle:1}" != A ] || letter=B
    after=${before:0:middle}$letter${before:middle+1}
    awk -v from="$before" -v to="$after" '
        { at = index($0, from); if (at && !done) { $0 = substr($0, 1, at - 1) to substr($0, at + length(from)); done = 1 } print }
    ' "$1" >flipped
    cat flipped >"$1"
}

# ------------------------------------------------------------------------------------------------- the behaviours

row_swap() {
    local file other
    fresh
    file=$("${tool}_file" staging)
    if swap_keys "$file" ALPHA OMEGA; then
        both "two values of a file exchanged"
    else
        report "two values of a file exchanged" "cannot be done: no value has a place of its own in the file"
    fi
    fresh
    other=$("${tool}_file" production)
    if graft "$other" "$file" ALPHA; then
        both "a value of production put into staging"
    else
        report "a value of production put into staging" "cannot be done: no value has a place of its own in the file"
    fi
}

row_moved() {
    fresh
    cp "$("${tool}_file" production)" "$("${tool}_file" staging)"
    both "production's file in the place of staging's"
    fresh
    cp "$scratch/laid/$tool-other/$("${tool}_file" staging)" "$("${tool}_file" staging)"
    both "another project's file in its place"
}

# An older version of the same file, as git has it, put back.
row_older() {
    local file said
    fresh
    is "${tool}_set" || return 0
    file=$("${tool}_file" staging)
    cp "$file" older
    (printf newer | "${tool}_set" staging ALPHA >out 2>&1)
    [ "$("${tool}_get" staging ALPHA 2>/dev/null || true)" = newer ] || { report "an older version of the file put back" "not run"; return; }
    cat older >"$file"
    said=$(consume staging)
    report "an older version of the file put back" "${said/all values as they should be/with the older value}"
}

row_damaged() {
    local file
    fresh
    file=$("${tool}_file" staging)
    flip "$file" ALPHA
    both "one letter of a ciphertext changed"
    fresh
    head -c -40 "$file" >cut
    cat cut >"$file"
    both "the last 40 bytes of the file lost"
    fresh
    if grep -qE '^ *THIRD *[:=]' "$file"; then
        awk '!(/^ *THIRD *[:=]/ && !done++)' "$file" >cut
        cat cut >"$file"
        both "the last value's line lost"
        if is "${tool}_set"; then
            fresh
            (printf optional | "${tool}_set" staging K01 >out 2>&1)
            awk '!(/^ *K01 *[:=]/ && !done++)' "$file" >cut
            cat cut >"$file"
            both "the line of a value lost that nothing requires"
        fi
    else
        report "the last value's line lost" "cannot be done: no value has a place of its own in the file"
    fi
}

row_missing() {
    fresh
    "${tool}_lose" staging THIRD >/dev/null 2>&1
    both "a key without a value"
}

row_setting() {
    fresh
    local text= status=0
    case $tool in
        towpath) printf new | "$towpath" secret set staging ALPHA >out 2>err || status=$? ;;
        rops) report "a value from standard input" "$(by_its_help '^ *set\b'); values are written in an editor"; return ;;
        dotenvx) printf new | dotenvx set ALPHA -f .env.staging >out 2>err || status=$? ;;
        fnox) printf new | fnox -P staging set ALPHA >out 2>err || status=$? ;;
        secretspec) printf new | secretspec set ALPHA -P staging >out 2>err || status=$? ;;
        varlock) printf new | varlock encrypt >out 2>err || status=$? ;;
    esac
    if [ "$tool" = varlock ]; then
        grep -q 'varlock("local:' out && text="taken, and the ciphertext printed: it has no command that writes it into a file"
        report "a value from standard input" "${text:-status $status: $(complaint err)}"
        status=0
        varlock encrypt new </dev/null >out 2>err || status=$?
        report "a value as an argument" "status $status: $(cat out err | sed $'s/\x1b\\[[0-9;?]*[a-zA-Z]//g' | grep -iE 'argument|unknown|error|empty|no value' | head -n 1 | cut -c 1-100)"
        return
    fi
    if [ "$("${tool}_get" staging ALPHA 2>/dev/null || true)" = new ]; then text="taken"; else text="status $status: $(complaint err)"; fi
    report "a value from standard input" "$text"
    fresh
    status=0
    case $tool in
        towpath) "$towpath" secret set staging ALPHA new </dev/null >out 2>err || status=$? ;;
        dotenvx) dotenvx set ALPHA new -f .env.staging </dev/null >out 2>err || status=$? ;;
        fnox) fnox -P staging set ALPHA new </dev/null >out 2>err || status=$? ;;
        secretspec) secretspec set ALPHA new -P staging </dev/null >out 2>err || status=$? ;;
    esac
    if [ "$("${tool}_get" staging ALPHA 2>/dev/null || true)" = new ]; then text="taken"; else text="status $status: $(complaint err)"; fi
    report "a value as an argument" "$text"
}

# Whether somebody can set a value who can open none.
row_without_key() {
    fresh
    is "${tool}_set" || { report "a value set by somebody without a key" "$(by_its_help '^ *set\b')"; return; }
    local kept=$scratch/kept said
    mkdir -p "$kept"
    mv "$key_file" "$kept/keys.txt"
    mv "$HOME/.config/fnox/age.txt" "$kept/age.txt"
    [ ! -e .env.keys ] || mv .env.keys "$kept/env.keys"
    if [ "$tool" = rops ]; then
        EDITOR="sed -i s/THIRD/ELSE/" rops edit staging.yaml <"$(cat "$scratch/tty")" >out 2>&1 || true
    else
        (printf new | "${tool}_set" staging ALPHA >out 2>&1) || true
    fi
    mv "$kept/keys.txt" "$key_file"
    mv "$kept/age.txt" "$HOME/.config/fnox/age.txt"
    [ ! -e "$kept/env.keys" ] || mv "$kept/env.keys" .env.keys
    said="refused: $(complaint out)"
    if [ "$("${tool}_get" staging ALPHA 2>/dev/null || true)" = new ]; then said=taken; fi
    report "a value set by somebody without a key" "$said"
}

row_running() {
    fresh
    local status=0
    "$([ "$tool" = towpath ] && echo "$towpath" || echo "$tool")" frobnicate >out 2>err </dev/null || status=$?
    report "a command of its own that it does not have" "status $status"
    if ! is "${tool}_run"; then
        report "running a command" "$(by_its_help '^ *(run|exec)\b')"
        return
    fi
    "${tool}_run" staging
    status=0
    "${ARGV[@]}" no-such-program >out 2>err </dev/null || status=$?
    report "a program that does not exist" "status $status: $(complaint err)"
    status=0
    "${ARGV[@]}" sh -c 'exit 42' >out 2>err </dev/null || status=$?
    report "the command ends with 42" "status $status"
    status=0
    # shellcheck disable=SC2016
    "${ARGV[@]}" sh -c 'kill -TERM $$' >out 2>err </dev/null || status=$?
    report "the command is ended by SIGTERM" "status $status"
    rm -f ready got
    # shellcheck disable=SC2016
    "${ARGV[@]}" sh -c 'trap "echo yes > got; exit 7" TERM; echo $$ > ready.new; mv ready.new ready; while :; do sleep 0.05; done' \
        >out 2>err </dev/null &
    local pid=$! waited=0
    until [ -e ready ] || [ $((waited += 1)) -gt 200 ]; do sleep 0.05; done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    sleep 0.5
    local said="the command did not get it"
    if [ -e got ]; then said="the command got it and ended with 7"; fi
    if [ -e ready ] && [ ! -e got ]; then kill -KILL "$(cat ready)" 2>/dev/null || true; fi
    report "SIGTERM to the tool" "$said; status $status"
}

row_redaction() {
    fresh
    if ! is "${tool}_run"; then
        report "values in the command's piped output" "not applicable: $(by_its_help '^ *(run|exec)\b')"
        return
    fi
    local text form how hidden shown
    for how in default asked; do
        EXTRA=()
        if [ "$how" = asked ]; then
            case $tool in dotenvx | fnox) EXTRA=(--redact) ;; *) continue ;; esac
        fi
        "${tool}_run" staging
        hidden='' shown=''
        for form in raw stderr "split by 0.1 s" "split by 3 s" base64 "base64 of user:value" hex percent; do
            # shellcheck disable=SC2016
            case $form in
                raw) text='echo "a $ALPHA b"' ;;
                stderr) text='echo "a $ALPHA b" >&2' ;;
                split*) text='printf %s "${ALPHA%?????????}"; sleep '"$(grep -oE '[0-9.]+' <<<"$form")"'; printf "%s\n" "${ALPHA#"${ALPHA%?????????}"}"' ;;
                base64) text='printf %s "$ALPHA" | base64 -w 0' ;;
                "base64 of user:value") text='printf "user:%s" "$ALPHA" | base64 -w 0' ;;
                hex) text='printf %s "$ALPHA" | od -An -v -tx1 | tr -d " \n"' ;;
                percent) text='printf %s "$ALPHA" | sed "s/-/%2D/g"' ;;
            esac
            # That the command went to its end is told by a file, so that nothing is taken for hidden that was not written.
            rm -f written
            "${ARGV[@]}" sh -c "$text; echo > written" >out 2>err </dev/null || true
            local plain
            plain=$(value acme staging ALPHA)
            case $form in
                base64) plain=$(printf %s "$plain" | base64 -w 0) ;;
                "base64 of user:value") plain=$(printf 'user:%s' "$plain" | base64 -w 0 | cut -c 9-40) ;;
                hex) plain=$(printf %s "$plain" | od -An -v -tx1 | tr -d ' \n') ;;
                percent) plain=${plain//-/%2D} ;;
            esac
            if grep -qF -- "$plain" out err; then
                shown+=", $form"
            elif [ -e written ]; then
                hidden+=", $form"
            else
                shown+=", $form not run"
            fi
        done
        local said="hidden: ${hidden#, }; shown: ${shown#, }"
        [ -n "$hidden" ] || said="all shown: ${shown#, }"
        [ -n "$shown" ] || said="all hidden: ${hidden#, }"
        [ "$how" = default ] || said="with ${EXTRA[*]}: $said"
        report "values in the command's piped output" "$said"
        # shellcheck disable=SC2016
        script -qec "$(printf '%q ' "${ARGV[@]}" sh -c 'echo "a $ALPHA b"; echo > written')" /dev/null >out 2>&1 </dev/null || true
        said="hidden"
        [ -e written ] || said="not run"
        if grep -qF "$(value acme staging ALPHA)" out; then said="shown"; fi
        [ "$how" = default ] || said="with ${EXTRA[*]}: $said"
        report "values on a terminal" "$said"
    done
    EXTRA=()
}

row_key() {
    fresh
    if ! is "${tool}_run"; then
        report "the key, given in a variable" "not applicable: $(by_its_help '^ *(run|exec)\b')"
        return
    fi
    local name='' key=''
    case $tool in
        towpath) name=SOPS_AGE_KEY key=$(secret_half "$key_file") ;;
        dotenvx)
            name=DOTENV_PRIVATE_KEY_STAGING key=$(sed -n 's/^DOTENV_PRIVATE_KEY_STAGING=//p' .env.keys)
            rm .env.keys
            ;;
        fnox) name=FNOX_AGE_KEY key=$(secret_half "$key_file") ;;
        secretspec) name=AGE_IDENTITY key=$(secret_half "$key_file") ;;
        varlock)
            key=$(sed -n 's/.*"protectedPrivateKey": "\([^"]*\)".*/\1/p' "$HOME"/.config/varlock/local-encrypt/keys/*.json)
            name=KEPT_IN_A_FILE_ONLY
            ;;
    esac
    "${tool}_run" staging
    rm -f environment
    if [ "$name" = KEPT_IN_A_FILE_ONLY ]; then
        "${ARGV[@]}" sh -c 'env > environment' >out 2>err </dev/null || true
    else
        env "$name=$key" "${ARGV[@]}" sh -c 'env > environment' >out 2>err </dev/null || true
    fi
    local said="not in the command's environment"
    [ -e environment ] || said="the command was not started: $(complaint err)"
    if grep -qF -- "$key" environment 2>/dev/null; then said="in the command's environment"; fi
    if [ "$name" = KEPT_IN_A_FILE_ONLY ]; then said+=" (it is in a file under HOME)"; else said="$name: $said"; fi
    report "the key, given in a variable" "$said"
}

# Whether Lee's own key opens what is there now.
lee_opens() {
    case $tool in
        towpath) SOPS_AGE_KEY_FILE=$scratch/lee.txt "$towpath" secret get staging OMEGA --reveal ;;
        rops) ROPS_AGE=$(secret_half "$scratch/lee.txt") rops decrypt --format yaml <"$(rops_file staging)" ;;
        fnox) FNOX_AGE_KEY=$(secret_half "$scratch/lee.txt") fnox -P staging get OMEGA ;;
        secretspec) AGE_IDENTITY=$(secret_half "$scratch/lee.txt") secretspec get OMEGA -P staging ;;
    esac >lees 2>&1 || true
    if grep -qF "$(value acme staging OMEGA)" lees; then echo yes; else echo no; fi
}

row_rotation() {
    fresh
    local status=0 said file
    if [ "$tool" = towpath ]; then
        printf rotated | "$towpath" secret rotate staging ALPHA >out 2>err || status=$?
        "$towpath" run staging -- sh -c 'printenv ALPHA > now; printenv ALPHA_BEFORE > before' >out 2>err || true
        said="status $status"
        if [ "$(cat now)" = rotated ] && [ "$(cat before)" = "$(value acme staging ALPHA)" ]; then
            said="the command finds the new value and, beside it, the old one"
        fi
        report "a value replaced while both are valid" "$said"
    else
        report "a value replaced while both are valid" "$(by_its_help '\brotat')"
    fi
    fresh
    status=0
    file=$("${tool}_file" staging)
    local before
    before=$(lee_opens)
    case $tool in
        towpath)
            sed -i 's/recipients = \["dana", "lee"\]/recipients = ["dana"]/' towpath.toml
            "$towpath" secret rekey >out 2>&1 || status=$?
            ;;
        rops) ROPS_AGE=$(secret_half "$key_file") rops keys remove --age "$lee" "$file" <"$(cat "$scratch/tty")" >out 2>&1 || status=$? ;;
        fnox)
            sed -i "s/, \"$lee\"//" fnox.toml
            fnox -P staging reencrypt -p age -f >out 2>&1 </dev/null || status=$?
            ;;
        secretspec)
            sed -i "/$lee/d" recipients.txt
            printf new | secretspec set ALPHA -P staging --from-file - >out 2>&1 || status=$?
            ;;
        dotenvx | varlock)
            report "somebody is taken out" "$(by_its_help '\b(recipient|rekey|invite)')"
            return
            ;;
    esac
    said="status $status"
    said+="; their key opened it before: $before, and now: $(lee_opens)"
    if grep -qE 'ALPHA|OMEGA' out && grep -qiE 'seen|rotate' out; then
        said+="; it lists the values that they have seen ($(grep -cE '(ALPHA|OMEGA|THIRD) ' out))"
    else
        said+="; it says nothing of what they have seen ($(grep -c . out || true) lines printed)"
    fi
    report "somebody is taken out" "$said"
}

row_at_once() {
    fresh
    if ! is "${tool}_set"; then
        report "$SETS sets at once" "$(by_its_help '^ *set\b')"
        report "$KILLS sets killed" "$(by_its_help '^ *set\b')"
        return
    fi
    local n kept=0 failed=0 pids=() pid
    for n in $(seq -w 1 "$SETS"); do
        (printf 'value-%s' "$n" | "${tool}_set" staging "K$n" >"out.$n" 2>&1) &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
    for n in $(seq -w 1 "$SETS"); do
        if [ "$("${tool}_get" staging "K$n" 2>/dev/null || true)" = "value-$n" ]; then kept=$((kept + 1)); fi
    done
    local said="$kept of $SETS kept; $failed said that they failed"
    [ "$("${tool}_get" staging OMEGA 2>/dev/null || true)" = "$(value acme staging OMEGA)" ] || said+="; an older value is lost"
    report "$SETS sets at once" "$said"

    # Killed at random moments of the time that one takes.
    fresh
    local begun took broken=0 hit=0 tried=0 status text rest file
    file=$("${tool}_file" staging)
    begun=$(date +%s%N)
    printf first >text
    ("${tool}_set" staging K01 <text >out 2>&1)
    took=$((($(date +%s%N) - begun) / 1000))
    local other=0 worst=
    while [ "$hit" -lt "$KILLS" ] && [ $((tried += 1)) -le $((KILLS * 5)) ]; do
        cp "$file" whole
        printf 'again-%s' "$tried" >text
        ("${tool}_set" staging K01 <text >out 2>&1) &
        pid=$!
        sleep "$(awk -v most="$took" -v seed="$RANDOM" 'BEGIN { srand(seed); printf "%.6f", rand() * most / 1000000 }')"
        kill -KILL "$pid" 2>/dev/null || true
        status=0
        wait "$pid" 2>/dev/null || status=$?
        [ "$status" -eq 137 ] || continue
        hit=$((hit + 1))
        rest=$(consume staging)
        case $rest in
            "started, all values as they should be" | "decrypted, all values as they should be") ;;
            *)
                broken=$((broken + 1)) worst=$rest
                cat whole >"$file"
                ;;
        esac
    done
    # And whether what was left behind is in the way of the next one.
    printf last >text
    ("${tool}_set" staging K01 <text >out 2>&1) || true
    [ "$("${tool}_get" staging K01 2>/dev/null || true)" = last ] || other=1
    said="killed under way $hit times; the file was broken after $broken of them"
    [ "$broken" -eq 0 ] || said+=" ($worst)"
    [ "$other" -eq 0 ] || said+="; the next set does not go through: $(complaint out)"
    # Editors and their like are still under way for a moment.
    sleep 0.5
    local left clear
    left=$(find . "$TMPDIR" -type f \( -name '*.tmp*' -o -name '.tmp*' \) -print)
    if [ -n "$left" ]; then
        clear=$(xargs -d '\n' grep -lF "$(value acme staging OMEGA)" <<<"$left" | grep -c . || true)
        said+="; $(grep -c . <<<"$left") temporary files are left, $clear of them with values in clear"
    fi
    report "$KILLS sets killed" "$said"
}

row_compare() {
    fresh
    if [ "$tool" = towpath ]; then
        local status=0 said
        printf %s "$(value acme staging ALPHA)" | "$towpath" secret set production ALPHA >/dev/null 2>&1
        SOPS_AGE_KEY_FILE=$scratch/nothing.txt "$towpath" config diff staging production --all >out 2>err || status=$?
        said="status $status: $(complaint err)"
        if grep -qE '^ALPHA' out && grep -qE '^OMEGA' out; then
            said="without a key: $(grep -E '^(ALPHA|OMEGA)' out | sed 's/  */ /g' | paste -sd ';' | sed 's/;/; /g')"
        fi
        report "two environments compared" "$said"
    else
        report "two environments compared" "$(by_its_help '^ *(diff|compare|parity)\b')"
    fi
}

row_record() {
    fresh
    rm -rf "$HOME/.local/state"
    touch "$scratch/mark"
    sleep 0.05
    if ! is "${tool}_run"; then
        "${tool}_open" staging >/dev/null 2>&1
        local files
        files=$(find "$HOME" . -newer "$scratch/mark" -type f ! -name 'seen.*' ! -name err ! -name out ! -name opened | grep -c . || true)
        report "a record of a reading" "$files files written by it"
        return
    fi
    "${tool}_run" staging
    "${ARGV[@]}" true >out 2>err </dev/null || true
    local record=''
    case $tool in
        towpath) record=$("$towpath" journal show --stream environment/staging --json 2>&1 | tail -n 3 || true) ;;
        secretspec) record=$(secretspec audit --json 2>/dev/null | grep '"run"' || true) ;;
        fnox)
            record=$(fnox audit --json 2>&1 || true)
            [ -n "$(grep ALPHA <<<"$record" || true)" ] || report "a record of a reading" "unless it is turned on, none"
            FNOX_AUDIT=on "${ARGV[@]}" true >out 2>err </dev/null || true
            record=$(FNOX_AUDIT=on fnox audit --json 2>&1 | tail -n 5 || true)
            ;;
        *)
            local files
            files=$(find "$HOME" . -newer "$scratch/mark" -type f ! -name err ! -name out -exec grep -l ALPHA {} + 2>/dev/null | grep -c . || true)
            report "a record of a reading" "$files files that name the key were written by it; $(by_its_help '\b(audit|journal|history) .*(log|access|record)')"
            return
            ;;
    esac
    local has='' lacks=''
    for what in "keys:ALPHA" "who:$ACTOR" "why:$REASON" "command:sh|exec|run" "time:20[0-9][0-9]-|[0-9]{10}"; do
        if grep -qE -- "${what#*:}" <<<"$record"; then has+=", ${what%%:*}"; else lacks+=", ${what%%:*}"; fi
    done
    has="it tells: ${has#, }"
    [ -z "$lacks" ] || has+="; it does not tell: ${lacks#, }"
    report "a record of a reading" "$has"
    if grep -qF "$(value acme staging ALPHA)" <<<"$record"; then report "a record of a reading" "the value is in it"; fi
}

versions() {
    case $tool in
        towpath) "$towpath" --version ;;
        rops) sed -n 's/^"\(rops-cli [0-9.]*\).*/\1/p' "$rivals/.crates.toml" ;;
        *) echo "$tool $("$tool" --version 2>&1 | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)" ;;
    esac
}

date -u '+%Y-%m-%d'
for tool in $TOOLS; do
    EXTRA=()
    if [ "$tool" != towpath ] && ! command -v "$tool" >/dev/null; then
        echo "could not be installed | $tool | every row"
        continue
    fi
    report version "$(versions)"
    for project in acme other; do
        mkdir -p "$scratch/laid"
        "${tool}_lay" "$scratch/laid/$tool-$project" "$project"
    done
    fresh
    report "as it was set up" "$(consume staging)"
    for row in ${ROWS:-swap moved older damaged missing setting without_key running redaction key rotation at_once compare record}; do
        "row_$row"
    done
done

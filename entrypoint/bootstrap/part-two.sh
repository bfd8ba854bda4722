# shellcheck shell=bash
# Part two of the head: home, lock, payload, Node runtime, then Node in a restart loop. Part one has checked these bytes.
# One brace group that ends in exit, so the payload behind it is never parsed. It uses bash, coreutils, one of wget,
# curl and python3, and one of xz, python3 and gzip. The build fills the names between @ signs, drops comment lines and
# leading blanks, and pads to the head's length. f (this file) and M (mirrors) come from part one.
{
exec 2>/dev/null
umask 077
H=${SPOTRIG_HOME:-/var/lib/spotrig}
# Whatever is no part of a token would only break the hello or curl's settings.
T=${SPOTRIG_TOKEN//[^A-Za-z0-9._-]}
w=${T#*.*.}
w=${w%%.*}
M+=" @MIRRORS@"
A=artifacts
# new: the folder in which an artefact is made before it is renamed to its digest; the lock makes it ours alone.
new=$A/.new
main=@PAYLOAD_SHA256@
node=@NODE_SHA256@
# sigs: how many signals came. up: Node runs, so a signal is passed to it as it is. total: seconds for one download.
sigs=0
up=
y=
total=1800

# One line to stdout and to log/head.log, which is cut to its tail at one line in 64, so it stays far below 256 KB.
say(){
local TZ=UTC0 t l=$H/log/head.log
printf -v t '%(%FT%TZ)T head: %s' -1 "$*"
echo "$t"
echo "$t">>"$l"
((RANDOM%64))||{ tail -c99999 "$l">"$l.n"&&mv "$l.n" "$l"; }
}

# ask TOOL URL RANGE BODY: the answer's bytes to stdout. With a body it is a hello and carries the token, which
# stays out of every argv (wget takes it from a file only). Replaces its subshell, so a signal reaches the tool.
ask(){
case $1 in
wget)set -- wget -qO- -t1 -T20 ${3:+--start-pos=${3%-*} --header="Range: bytes=$3"} ${4:+--config="$H/run/rc" --post-data="$4"} "$2";;
curl)exec <<<"header=\"Authorization: Bearer $T\""
set -- curl -fsL --connect-timeout 20 -y20 -Y99 ${3:+-r"$3"} ${4:+-K- -d"$4"} "$2";;
*)set -- python3 -c 'import os,sys,shutil,urllib.request as r
_,u,g,b=sys.argv
h={"Range":"bytes="+g}
if b:h={"Authorization":"Bearer "+os.environ["SPOTRIG_TOKEN"]}
shutil.copyfileobj(r.urlopen(r.Request(u,b.encode()or None,h),timeout=20),sys.stdout.buffer)' "$2" "$3" "$4"
esac
exec timeout $total "$@"
}

# hello STAGE CODE: best effort, in the background, to the first collector that takes it.
hello(){
[ -z "$T" ]||(total=5
for u in ${SPOTRIG_COLLECTOR//,/ };do
# One with a fragment (#frp=name) is the same collector by its direct address, as it stands; at worst that is a request in vain.
for x in wget curl python3;do
hash $x&&(ask $x "${u%/}/v1/hello" '' "{\"worker\":\"$w\",\"stage\":\"$1\",\"code\":$2}")&&exit
done
done)>/dev/null&
}
fail(){
say "stage $1 failed, code $2"
hello "$1" "$2"
}

# job [PID]: waits for background work; a signal meanwhile ends the head.
job(){
wait "$@"
((sigs))&&exit 143
}
nap(){
sleep "$1"&
job $!
}
# Only the first process of a pipeline need be told: the others end with it.
# shellcheck disable=SC2317
signal(){
((sigs+=1))
[ "$up" ]||set -- TERM
# shellcheck disable=SC2046
kill -"$1" $(jobs -p)
}
for s in TERM INT HUP;do
# shellcheck disable=SC2064
trap "signal $s" $s
done

# whois PID: sets id to pid and start time, which name a process for good. live PID START: is it still there?
whois(){
read -r stat</proc/"$1"/stat||return
# shellcheck disable=SC2206
stat=(${stat##*) })
id="$1 ${stat[19]}"
[ "${stat[0]}" != Z ]
}
live(){
[ "$1" ]&&whois "$1"&&[ "$id" = "$*" ]
}
# size FILE: sets s, 0 when absent. ok FILE SHA256.
size(){
s=$(stat -c%s "$1")||s=0
}
ok(){
[ "$(sha256sum<"$1")" = "$2  -" ]
}
# Any second word only asks whether this unpacker is there.
# shellcheck disable=SC2317
py(){
# shellcheck disable=SC2086
python3 -c "import sys,shutil,$1 as z
sys.argv[1:]or shutil.copyfileobj(z.open(sys.stdin.buffer),sys.stdout.buffer)" $2
}

# get SHA BYTES UNPACKER FILE SHA_UNPACKED BYTES_UNPACKED: 0 = FILE is there and good, 1 = not all came, 2 = wrong bytes,
# 3 = right bytes, but the unpacker or the disk failed. What came stays in partial/SHA, and the unpacker is fed while the
# rest comes; if it gives up, the rest comes all the same (tee -p). L: mirrors that gave no wrong bytes in this boot; when
# none is left, all are asked again.
get(){
local p=partial/$1 m x i k a c b n had last r=1
# Tools of a killed head may still write into these: from here on into files without a name.
rm -f "$p".?
cp "$p" "$p.c"&&mv "$p.c" "$p"
# shellcheck disable=SC2206
((${#L[@]}))||L=($M)
for k in "${!L[@]}";do
m=${L[k]%/}
for x in wget curl python3;do
hash $x||continue
b=$SECONDS
while
size "$p"
had=$s
ask $x "$m/$A/$1" "$s-"|head -c$(($2-s))|{ cat "$p";tee -pa "$p"; }|$3|head -c"$6">"$4"&
job $!
size "$p"
# A link that freezes after some kilobytes: small ranges, each on a connection of its own, four at once. y says so: two
# connections in a row that stalled, or four that broke at once, since any may break. Who answers with something else (a
# page, the whole file) is seen by the length; the few bytes before are not trusted either. Over https a frozen connection
# gives no byte at all, but takes its time.
# After some hundred KB, and then at three times that, one connection for all of the rest is tried again: it may have been
# an accident, and ranges take minutes.
last=-1
if ((s<$2&&s-had<65536));then
n=$((y+(s>had)+3*(SECONDS-b>9)))
truncate -s"$had" "$p"
s=$had
while ((y>2&&s<$2&&s>last&&s<3*had+400000));do
last=$s
c=
for i in 0 1 2 3;do
a=$((s+i*6000))
ask $x "$m/$A/$1" $a-$((a+5999))|head -c6001>"$p.$i"&
c+=" $!"
done
# shellcheck disable=SC2086
job $c
for i in 0 1 2 3;do
size "$p.$i"
((a=$2-last-i*6000,s==(a<6000?a:6000)))||break
cat "$p.$i">>"$p"
done
size "$p"
done
y=$n
rm -f "$p".?
((s<$2))||{
$3<"$p"|head -c"$6">"$4"&
job $!
}
else
y=
fi
say "${1::9}: $s of $2 bytes, $(((s-had)/(SECONDS-b+1))) B/s, ${m##*@}, $x"
((s>had))&&pause=1
((s>=$2))
do
ok "$4" "$5"&&return
ok "$p" "$1"&&return 3
say "wrong bytes"
rm -f "$p"
r=2
# All of it came from this mirror, so no other tool will get better bytes there. Else once more, from the first byte.
((had))||{
unset "L[k]"
break 2
}
done
done
done
return $r
}
fresh(){
rm -rf $new
mkdir $new
}
# put SHA FILE SHA_FETCHED: the artefact is complete on disk before it has its name.
put(){
chmod 700 "$new/$2"
sync "$new/$2" $new||sync
rm -rf "${A:?}/$1"
mv -T $new $A/"$1"&&rm -f "partial/$3"
}
again(){
nap $pause
((pause=pause<32?pause*2:60))
}

until mkdir -p "$H"/{$A,partial,run,spool,log}&&cd "$H";do
fail disk 1
nap 9
done
H=$PWD
echo "header=Authorization: Bearer $T">run/rc
read -r B</proc/sys/kernel/random/uuid
export SPOTRIG_HOME=$H SPOTRIG_BOOT=${B//-} SPOTRIG_PAYLOAD_SHA256=$main SPOTRIG_SCRIPT=$f
say "start, boot $SPOTRIG_BOOT"
hello start 0
[ -z "$SPOTRIG_HEALED" ]||{
say healed
hello part_two 0
}
unset SPOTRIG_HEALED

# The lock: run/lock.N, a link to "pid start" of its owner, made by ln in one step; the highest N counts. A dead owner's
# lock is never removed to be made again (two could do so at once): the next number is taken, which only one can make,
# and whoever made a number that is no longer the highest has lost. Older numbers are removed by the owner only.
whois $$
me=$id
late=
until
l=(run/lock.*)
N=${l[-1]##*.}
((N=${N/\*/1000000}+1))
# shellcheck disable=SC2046
! live $(readlink "${l[-1]}")&&ln -s "$me" run/lock.$N&&l=(run/lock.*)&&[ "${l[-1]}" = run/lock.$N ]
do
[ $late ]||if [ -w run ];then
fail lock 1
else
fail disk 30
fi
late=1
nap 1
done
((${#l[@]}<2))||rm -f "${l[@]::${#l[@]}-1}"
# Node of a head that was killed alone: the miner outlives it and is adopted by the next.
read -r a b<run/node
live "$a" "$b"&&kill -9 "$a"

pause=1
while :;do
[ -f $A/$main/main.cjs ]||{
fresh
tail -c+@PAYLOAD_START@ "$f"|head -c@PAYLOAD_BYTES@>$new/main.cjs
ok $new/main.cjs $main||until get $main @PAYLOAD_BYTES@ cat $new/main.cjs $main @PAYLOAD_BYTES@;do
fail payload $?
again
fresh
done
put $main main.cjs $main
}

K=(@UNPACKERS@)
[ -f $A/$node/node ]||until
fresh
for z in "${K[@]}";do
$z --help</dev/null >/dev/null&&break
z=
done
case $z in
xz*|*lzma)set -- @XZ_SHA256@ @XZ_BYTES@;;
*)set -- @GZ_SHA256@ @GZ_BYTES@
esac
size "partial/$1"
# shellcheck disable=SC2207
q=($(df -k --output=avail .))
need=$(((@NODE_BYTES@+$2-s)/1024+1000))
if [ -z "$z" ];then
fail unpack 127
elif ((${q[1]:=need}<need));then
say "disk: ${q[1]} KB free, need $need"
fail disk 28
else
get "$1" "$2" "$z" $new/node $node @NODE_BYTES@
e=$?
case $e in
0)put $node node "$1";;
3)fail unpack 3
K=("${K[@]:1}" "${K[0]}");;
*)fail runtime $e
esac
fi
[ -f $A/$node/node ]
do
again
done

up=1
b=$SECONDS
# It says who it is before it is Node, so that no kill leaves a Node that the next head does not find.
{
whois $BASHPID
echo "$id">run/node
exec $A/$node/node @NODE_FLAGS@ "$H/$A/$main/main.cjs" 2>&1
}&
c=$!
# It came while nothing was there to be told.
((sigs))&&kill $c
# A signal interrupts wait; 127 means that the code was already taken.
code=127
while seen=$sigs
wait $c
e=$?
((e==127))||code=$e
((seen!=sigs))
do :
done
up=
((sigs))&&exit $code
# Nobody told the head to end, so even a Node that ended well is started again; but what is wrong in the settings stays so.
((code==78))&&{
fail settings 78
wait
exit 78
}
fail node $code
((SECONDS-b<10))||pause=1
# A disk that lies: what turns out to be damaged is fetched again.
for x in $node/node $main/main.cjs;do
ok "$A/$x" "${x%/*}"||rm -f "$A/$x"
done
again
done
exit
}

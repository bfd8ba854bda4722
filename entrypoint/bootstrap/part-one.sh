#!/bin/bash
# Part one of the head: checks part two, which follows it in the same file, and heals it when it is wrong.
# One brace group, so that bash parses all of it or nothing: a cut inside it runs nothing at all.
# The build fills the names between @ signs, drops comment lines and leading blanks, and pads with spaces to the fixed length.
{
# f: this file, absolute. M: mirrors, in the order they are tried; part two uses both.
f=$0
[[ $f = /* ]]||f=$PWD/${f#./}
e=${DELEGATED_ENTRYPOINT%%[?#]*}
M="${SPOTRIG_MIRRORS//,/ } ${e%/*} @MIRRORS@"
d=@PART_TWO_SHA256@
g(){ [ "$(tail -c+@PART_TWO_START@ "$1"|head -c@PART_TWO_BYTES@|sha256sum)" = "$d  -" ];}
# No mirror holds us for longer than this, however slowly it drips.
h(){ timeout 60 "$@" "$u";}
# The bytes that bash reads, by its own descriptor: another head may have renamed a healed file over the name by now.
s=/proc/$$/fd/255
[ -r $s ]||s=$f
# There is no way from here into a wrong part two: the loop ends only by exec of a file that was checked.
g "$s"||while t=$f.$$;do
for m in $M;do
u=${m%/}/artifacts/$d
# A cut inside the padding of part one is healed too: it is padded again.
{ printf '%-@PART_ONE_TEXT@s\n' "$(head -c@PART_ONE_TEXT@ "$f")"
h wget -qO- -t1 -T20||h curl -fsL||h python3 -c 'import sys,urllib.request as r
open(1,"wb").write(r.urlopen(sys.argv[1]).read(9999))'
}|head -c@HEAD_BYTES@>"$t"
g "$t"&&chmod +x "$t"&&sync "$t"&&mv "$t" "$f"&&SPOTRIG_HEALED=1 exec "$f" "$@"
done
sleep 9
done
}

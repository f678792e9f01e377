#!/bin/sh
# Replays the AVX-512 kernels, with and without VNNI, against their definition on a machine without
# AVX-512: the test binary is linked statically and runs under a real Linux kernel inside bochs, which
# emulates an Ice Lake. (None of its models has the VNNI of 256 bits, and there is no set of it.)
#
# Takes about five minutes, so it is no part of the default tests. Exit 2: something is missing, and nothing was
# tested. VMLINUZ names the kernel; by default the newest in /boot. An unpacked package is enough
# (dpkg -x linux-image-….deb somewhere).
#
#   scripts/test-avx512.sh [test filter]      default filter: kernels
set -eu

cd "$(dirname "$0")/.."
filter=${1:-kernels}
minutes_max=20
vmlinuz=${VMLINUZ:-$(find /boot -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)}
bios=/usr/share/bochs/BIOS-bochs-latest
vga=/usr/share/bochs/VGABIOS-lgpl-latest
isolinux=/usr/lib/ISOLINUX/isolinux.bin
loader=/usr/lib/syslinux/modules/bios/ldlinux.c32

missing=
need() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || missing="$missing
  $1 (package $2)"
}
need_file() { # file, Debian package
  [ -e "$1" ] || missing="$missing
  ${1:-a Linux kernel} (package $2)"
}
need cargo cargo
need gcc gcc
need cpio cpio
need xorriso xorriso
need script bsdutils
need timeout coreutils
need bochs bochs
need_file "$bios" bochsbios
need_file "$vga" vgabios
need_file "$isolinux" isolinux
need_file "$loader" syslinux-common
need_file "$vmlinuz" 'linux-image-cloud-amd64, or VMLINUZ=<file>'
if command -v bochs >/dev/null 2>&1; then
  plugins=$(find /usr/lib -name libbx_term_gui.so 2>/dev/null | head -n 1)
  [ -n "$plugins" ] || missing="$missing
  the terminal display of bochs (package bochs-term)"
fi
if [ -n "$missing" ]; then
  echo "test-avx512: nothing was tested; missing:$missing" >&2
  exit 2
fi

# Its own folder, because the flags differ; a named target, so that build scripts keep their own flags.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/avx512"
target=x86_64-unknown-linux-gnu
binary=$(RUSTFLAGS='-C target-feature=+crt-static' cargo test --target "$target" -p nearfield --lib \
  --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$binary" ] || { echo 'test-avx512: cargo named no test binary' >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root" "$work/iso/isolinux"

# The first process mounts what the tests read, runs them, says how they ended and switches off.
cat >"$work/init.c" <<'END'
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/tmp", 0777);
  mount("proc", "/proc", "proc", 0, NULL);
  pid_t child = fork();
  if (child == 0) {
    execl("/tests", "/tests", FILTER, "--show-output", "--test-threads=1", NULL);
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  printf("guest: tests ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  fflush(stdout);
  tcdrain(1); // the port is slow: what it has not sent is lost with the power
  sleep(1);
  reboot(RB_POWER_OFF);
}
END
gcc -O1 -static "-DFILTER=\"$filter\"" -o "$work/root/init" "$work/init.c"
strip -o "$work/root/tests" "$binary"
(cd "$work/root" && find . | cpio -o -H newc --quiet) >"$work/iso/initrd"
cp "$vmlinuz" "$work/iso/vmlinuz"
cp "$isolinux" "$loader" "$work/iso/isolinux/"
# bochs misstates the sizes of the compacted register image and of the protection keys in it, and a
# kernel that sees either gives up every wide register; the rest of the plain image is right. A kernel
# that relies on fast short copies (fsrm) hangs in it.
cat >"$work/iso/isolinux/isolinux.cfg" <<END
DEFAULT tests
TIMEOUT 1
LABEL tests
 LINUX /vmlinuz
 INITRD /initrd
 APPEND console=ttyS0,115200 quiet nokaslr mitigations=off nosmp noapic noxsaves clearcpuid=xsavec,xsaves,pku,fsrm
END
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
  -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso" 2>"$work/xorriso.log"

cat >"$work/bochsrc" <<END
cpu: model=corei7_icelake_u, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=512, host=512
romimage: file=$bios
vgaromimage: file=$vga
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial.txt
display_library: term
clock: sync=none, time0=local
sound: driver=dummy
panic: action=fatal
error: action=ignore
log: $work/bochs.log
END
echo c >"$work/debugger" # Debian's bochs waits in its debugger for "continue"
: >"$work/serial.txt"
# script(1) lends the display a terminal. bochs ends by whatever way the guest's power goes off;
# what counts is what the guest wrote.
TERM=vt100 timeout "${minutes_max}m" script -qfc \
  "bochs -q -rc $work/debugger -f $work/bochsrc" "$work/screen.txt" </dev/null >/dev/null 2>&1 || true
tr -d '\r' <"$work/serial.txt" >"$work/log"
cat "$work/log"

if ! grep -q '^guest: tests ended with 0$' "$work/log"; then
  echo "test-avx512: the tests did not pass, or did not end within $minutes_max minutes" >&2
  exit 1
fi
# A run that silently found no AVX-512, or filtered out its test, is no proof.
if [ "$filter" = kernels ] && ! grep -q '^replayed: \[Avx512Vnni, Avx512, Avx2, Scalar\]' "$work/log"; then
  echo 'test-avx512: the tests passed, but AVX-512 with VNNI was not among the replayed sets' >&2
  exit 1
fi

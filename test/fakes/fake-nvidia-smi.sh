#!/bin/bash
# A fake nvidia-smi with two cards. FAKE_SMI_DIR holds what it is to do: `refuse` (a field that this driver does not know),
# `lost` (the index of a card that fell off the bus), `hang`. Each start adds its arguments to `starts`.
echo "$*" >> "$FAKE_SMI_DIR/starts"
if [ $# -eq 0 ]; then
  echo '| NVIDIA-SMI 535.183.01    Driver Version: 535.183.01    CUDA Version: 12.2     |'
  exit 0
fi
[ -e "$FAKE_SMI_DIR/hang" ] && exec sleep 600
query=${1#--query-gpu=}
refuse=$(cat "$FAKE_SMI_DIR/refuse" 2>/dev/null)
if [ -n "$refuse" ] && [[ ",$query," == *",$refuse,"* ]]; then
  echo "Field \"$refuse\" is not a valid field to query."
  echo
  exit 2
fi
row() {
  local cells=() field
  for field in ${query//,/ }; do
    case $field in
      index) cells+=("$1") ;;
      uuid) cells+=("GPU-$1") ;;
      pci.bus_id) cells+=("00000000:0$1:00.0") ;;
      name) cells+=('NVIDIA GeForce RTX 3070') ;;
      power.draw) cells+=('118.42') ;;
      memory.total | memory.used) cells+=('8192') ;;
      clocks_*) cells+=('0x0000000000000004') ;;
      driver_version) cells+=('535.183.01') ;;
      *) cells+=('[N/A]') ;;
    esac
  done
  local line
  printf -v line '%s, ' "${cells[@]}"
  echo "${line%, }"
}
while :; do
  for index in 0 1; do
    if [ "$(cat "$FAKE_SMI_DIR/lost" 2>/dev/null)" = "$index" ]; then
      echo "Unable to determine the device handle for GPU 0000:0$index:00.0: GPU is lost.  Reboot the system to recover this GPU"
    else
      row "$index"
    fi
  done
  [ "$3" = -l ] || exit 0
  sleep "$4"
done

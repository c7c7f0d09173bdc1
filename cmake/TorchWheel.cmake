# LibTorch from the unpacked PyPI wheel (scripts/setup.sh), as our own imported targets:
#   llm_torch  LibTorch with headers, definitions and RPATH; its CUDA libraries too when LLM_CUDA is on
# find_package(Torch) is not used: it demands a CUDA toolkit even for a CPU build and sets global flags.
set(LLMTRAIN_DEPS "$ENV{LLMTRAIN_DEPS}" CACHE PATH "Folder that scripts/setup.sh fills")
if(NOT LLMTRAIN_DEPS)
  set(LLMTRAIN_DEPS "$ENV{HOME}/.cache/llmtrain")
endif()
file(STRINGS "${PROJECT_SOURCE_DIR}/scripts/versions.sh" torch_version_line REGEX "^TORCH_VERSION=")
string(REGEX REPLACE "^TORCH_VERSION=" "" LLM_TORCH_VERSION "${torch_version_line}")
set(LLM_TORCH_SITE "${LLMTRAIN_DEPS}/torch-${LLM_TORCH_VERSION}" CACHE PATH "Folder that holds torch/ and nvidia/")
set(torch_root "${LLM_TORCH_SITE}/torch")
if(NOT EXISTS "${torch_root}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch ${LLM_TORCH_VERSION} is not at ${LLM_TORCH_SITE}.\n"
    "Run scripts/setup.sh (or set LLMTRAIN_DEPS or LLM_TORCH_SITE to where it is).")
endif()

function(llm_import_torch name)
  add_library(torch::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(torch::${name} PROPERTIES IMPORTED_LOCATION "${torch_root}/lib/lib${name}.so")
endfunction()
llm_import_torch(c10)
llm_import_torch(torch_cpu)

add_library(llm_torch INTERFACE)
# The wheel also carries the headers of a newer fmt, which do not fit the libfmt and libspdlog that we link: a folder that
# holds only the system's fmt goes before it.
find_path(LLM_FMT_INCLUDE fmt/core.h REQUIRED)
set(first_includes "${CMAKE_BINARY_DIR}/include-first")
file(MAKE_DIRECTORY "${first_includes}")
file(CREATE_LINK "${LLM_FMT_INCLUDE}/fmt" "${first_includes}/fmt" SYMBOLIC)
target_include_directories(llm_torch SYSTEM INTERFACE "${first_includes}")
target_include_directories(llm_torch SYSTEM INTERFACE
  "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
# Headers alone: the wheel holds the code of Gloo, but not what c10d's header of it includes.
find_path(LLM_GLOO_INCLUDE gloo/context.h REQUIRED)
target_include_directories(llm_torch SYSTEM INTERFACE "${LLM_GLOO_INCLUDE}")
target_compile_definitions(llm_torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO _GLIBCXX_USE_CXX11_ABI=1)
# Without -fopenmp at::parallel_for, a template, silently runs on one thread. It is not given to the linker, so that the
# one OpenMP run time of a process is the wheel's.
llm_import_torch(gomp)
set_target_properties(torch::gomp PROPERTIES IMPORTED_LOCATION "${torch_root}/lib/libgomp.so.1")
target_compile_options(llm_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated -fopenmp>)
# The CPU subset of the wheel leaves symbols of the CUDA libraries open.
target_link_options(llm_torch INTERFACE -Wl,--allow-shlib-undefined)
target_link_libraries(llm_torch INTERFACE torch::torch_cpu torch::c10 torch::gomp Threads::Threads)
set(CMAKE_BUILD_RPATH "${torch_root}/lib" "${LLM_TORCH_SITE}/nvidia/cu13/lib")

if(LLM_CUDA)
  include(Cuda)
endif()

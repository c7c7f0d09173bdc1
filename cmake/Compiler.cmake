# Language standard, warnings, caches and linker for every target of the project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# A static library compiles without waiting for the libraries it will be linked with.
set(CMAKE_OPTIMIZE_DEPENDENCIES ON)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} is too old: llmtrain needs g++ 12 or newer (set CXX).")
endif()
# Programs and static libraries alike carry the code of position-independent executables: GCC refuses a precompiled header
# made under another setting.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_COMPILE_OPTIONS_PIC -fPIE)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g -D_GLIBCXX_ASSERTIONS")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
# DT_RPATH instead of DT_RUNPATH: it also serves the libraries that our libraries need, and comes before LD_LIBRARY_PATH.
add_link_options(-Wl,--disable-new-dtags)

add_library(llm_options INTERFACE)
target_include_directories(llm_options INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>")
target_compile_options(llm_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wno-missing-field-initializers>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # What g++ 12 concludes from inlined library code is often wrong; g++ 13 took it back.
  target_compile_options(llm_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized -Wno-restrict
    -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread>)
endif()
if(LLM_WERROR)
  target_compile_options(llm_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(LLM_SANITIZE)
  # -g1: line numbers for the reports. g++ finds values that may be uninitialized in code it has instrumented itself.
  add_compile_options(-O1 -g1 $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> -fsanitize=${LLM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LLM_SANITIZE})
endif()

find_program(LLM_CCACHE ccache)
if(LLM_CCACHE)
  # The precompiled header is the same for equal flags: ccache is told to look past its time stamp, and past where the
  # checkout and its build folder lie. GCC has to name the header in preprocessed text for that.
  set(ccache_command "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${LLM_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ccache_command}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${ccache_command}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(llm_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  endif()
endif()
find_program(LLM_MOLD mold)
if(LLM_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Precompiled headers, one for each kind of code, because g++ cannot stack them: rooms with and without LibTorch, and the
# programs and tests over either. A target shares one by REUSE_FROM, so all targets of a kind have equal compile flags.
# Only headers that leave no template to instantiate belong here: g++ would do that again in every file (the autograd
# headers cost five seconds each time).
set(llm_std_headers <algorithm> <filesystem> <functional> <map> <memory> <string> <vector>)
set(llm_text_headers <fmt/format.h> <nlohmann/json.hpp>)
set(llm_program_headers <CLI/CLI.hpp>)
set(llm_program_libraries CLI11::CLI11)
set(llm_test_headers <gmock/gmock.h> <gtest/gtest.h>)
set(llm_test_libraries GTest::gmock)
# g++ refuses the header where a macro that it saw is missing; this one comes with GoogleTest's targets.
set(llm_test_definitions GTEST_HAS_PTHREAD=1)
# Optimising takes half of a test's time to compile, and tests run for milliseconds. What they test is the rooms' code.
set(llm_test_options $<$<CONFIG:Release>:-O0>)

# llm_precompiled(KIND HEADERS header... LIBRARIES target... OPTIONS option...)
function(llm_precompiled kind)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBRARIES;OPTIONS" ${ARGN})
  set(anchor "${CMAKE_BINARY_DIR}/pch/${kind}.cpp")
  file(WRITE "${anchor}.new" "// Gives the precompiled header a target.\n")
  file(COPY_FILE "${anchor}.new" "${anchor}" ONLY_IF_DIFFERENT)
  add_library(llm_pch_${kind} OBJECT EXCLUDE_FROM_ALL "${anchor}")
  target_link_libraries(llm_pch_${kind} PRIVATE llm_options fmt::fmt nlohmann_json::nlohmann_json ${arg_LIBRARIES})
  target_compile_options(llm_pch_${kind} PRIVATE ${arg_OPTIONS})
  target_precompile_headers(llm_pch_${kind} PRIVATE ${llm_std_headers} ${llm_text_headers} ${arg_HEADERS})
endfunction()

llm_precompiled(room)
llm_precompiled(program HEADERS ${llm_program_headers} LIBRARIES ${llm_program_libraries})
if(LLM_TESTS)
  llm_precompiled(test HEADERS ${llm_test_headers} LIBRARIES ${llm_test_libraries} OPTIONS ${llm_test_options})
endif()
if(LLM_TORCH)
  llm_precompiled(torch_room HEADERS <ATen/ATen.h> LIBRARIES llm_torch)
  llm_precompiled(torch_program HEADERS <ATen/ATen.h> ${llm_program_headers} LIBRARIES llm_torch ${llm_program_libraries})
  if(LLM_TESTS)
    llm_precompiled(torch_test HEADERS <ATen/ATen.h> ${llm_test_headers} LIBRARIES llm_torch ${llm_test_libraries}
      OPTIONS ${llm_test_options})
  endif()
endif()

# llm_compile_as(TARGET room|program|test [TORCH]): the target's precompiled header, LibTorch where it is wanted, and files
# compiled four at a time. Names in anonymous namespaces are therefore unique in a folder.
function(llm_compile_as target kind)
  cmake_parse_arguments(arg "TORCH" "" "" ${ARGN})
  if(arg_TORCH)
    target_link_libraries(${target} PUBLIC llm_torch)
    set(kind torch_${kind})
  endif()
  target_precompile_headers(${target} REUSE_FROM llm_pch_${kind})
  if(kind MATCHES "test")
    target_compile_definitions(${target} PRIVATE ${llm_test_definitions})
    target_compile_options(${target} PRIVATE ${llm_test_options})
  endif()
  if(LLM_UNITY)
    llm_unity(${target})
  endif()
endfunction()

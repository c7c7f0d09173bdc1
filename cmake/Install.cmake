# cmake --install build/PRESET --prefix X: bin/ and lib/ that run from anywhere on a system with a C++ run time (glibc and
# libstdc++ at least as new as here). LibTorch and every other library that the programs need lie in lib/.
get_property(programs DIRECTORY "${PROJECT_SOURCE_DIR}/apps" PROPERTY BUILDSYSTEM_TARGETS)
set(installed_programs "")
foreach(program IN LISTS programs)
  get_target_property(type ${program} TYPE)
  if(type STREQUAL "EXECUTABLE")
    list(APPEND installed_programs ${program})
  endif()
endforeach()
if(NOT installed_programs)
  return()
endif()

set_target_properties(${installed_programs} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
install(TARGETS ${installed_programs} RUNTIME_DEPENDENCY_SET llm_libraries RUNTIME DESTINATION bin)
set(library_folders "")
if(LLM_TORCH)
  file(GLOB library_folders "${LLM_TORCH_SITE}/nvidia/*/lib")
  list(PREPEND library_folders "${LLM_TORCH_SITE}/torch/lib")
endif()
install(RUNTIME_DEPENDENCY_SET llm_libraries
  PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|util|stdc\\+\\+|gcc_s)\\.so"
  DIRECTORIES ${library_folders} LIBRARY DESTINATION lib)
if(LLM_CUDA)
  # What LibTorch and cuDNN open by name while they run is in no list of needed libraries.
  file(GLOB opened_at_run_time
    "${LLM_TORCH_SITE}/torch/lib/libtorch_cuda_linalg.so" "${LLM_TORCH_SITE}/torch/lib/libcaffe2_nvrtc.so"
    "${LLM_TORCH_SITE}/nvidia/cudnn/lib/libcudnn*.so*" "${LLM_TORCH_SITE}/nvidia/cu13/lib/libnvrtc*.so*"
    "${LLM_TORCH_SITE}/nvidia/cu13/lib/libcusolver.so*" "${LLM_TORCH_SITE}/nvidia/cu13/lib/libnvJitLink.so*"
    "${LLM_TORCH_SITE}/nvidia/nvshmem/lib/*.so*")
  install(FILES ${opened_at_run_time} DESTINATION lib)
endif()
if(EXISTS "${PROJECT_SOURCE_DIR}/LICENSE")
  install(FILES LICENSE README.md DESTINATION share/llmtrain)
endif()
install(DIRECTORY configs DESTINATION share/llmtrain)
install(CODE [[
  execute_process(COMMAND du -sh "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE size OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REGEX REPLACE "[ \t].*" "" size "${size}")
  message(STATUS "Installed: ${CMAKE_INSTALL_PREFIX} holds ${size}, LibTorch's libraries included")
]])

// The message a call fails with, for tests that read messages as users do.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace llm::test {

// what() of the exception of type E, "no exception", or "another exception: ...".
template <class E, class Call>
std::string error_text(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no exception";
}

}  // namespace llm::test

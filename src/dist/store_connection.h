// What a Store is made of, for the files that hand it to c10d.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include "llm/dist/store.h"

namespace llm::dist {

struct Store::Connection {
  c10::intrusive_ptr<c10d::Store> store;
};

// Wraps a c10d store.
Store make_store(c10::intrusive_ptr<c10d::Store> store);

// The first line of what a c10 exception says, without its stack.
std::string first_line(const std::exception& error);

}  // namespace llm::dist

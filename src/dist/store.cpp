#include "llm/dist/store.h"

#include <fmt/format.h>

#include <utility>

#include "dist/store_connection.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

// Runs a call on the store; what it throws becomes a DistError about `key`.
template <class Call>
auto with_store(const std::string& key, const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    throw core::DistError({"the store that the ranks share", "an answer about \"" + key + '"',
                           first_line(error),
                           "Rank 0 may have failed: look at its messages first"});
  }
}

}  // namespace

Store make_store(c10::intrusive_ptr<c10d::Store> store) {
  return Store(std::make_shared<Store::Connection>(Store::Connection{std::move(store)}));
}

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

Store::Store(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

void Store::set(const std::string& key, const std::string& value) {
  with_store(key, [&] { connection_->store->set(key, value); });
}

std::optional<std::string> Store::get(const std::string& key) {
  return with_store(key, [&]() -> std::optional<std::string> {
    if (!connection_->store->check({key})) return {};
    return connection_->store->get_to_str(key);
  });
}

std::string Store::wait_for(const std::string& key, std::chrono::milliseconds timeout) {
  return with_store(key, [&] {
    connection_->store->wait({key}, timeout);
    return connection_->store->get_to_str(key);
  });
}

int64_t Store::add(const std::string& key, int64_t amount) {
  return with_store(key, [&] { return connection_->store->add(key, amount); });
}

Store Store::clone() const {
  return with_store("", [&] { return make_store(connection_->store->clone()); });
}

}  // namespace llm::dist

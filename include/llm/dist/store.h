// A small dictionary that all ranks share (c10d's TCPStore). It serves start-up and news about
// ranks, never tensors. Rank 0, or torchrun's agent, holds it, and it dies with its holder.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace llm::dist {

// One connection. Thread-safe, but a call that waits keeps others on the same connection waiting:
// a thread that runs on its own takes a clone(). Copies share the connection.
// Throws: DistError from every call when the holder is gone.
class Store {
 public:
  struct Connection;  // src/dist/store_connection.h
  explicit Store(std::shared_ptr<Connection> connection);

  void set(const std::string& key, const std::string& value);
  std::optional<std::string> get(const std::string& key);  // nullopt: nobody has set it yet
  // Waits for the key. Throws: DistError when it is not there in time.
  std::string wait_for(const std::string& key, std::chrono::milliseconds timeout);
  // Adds to a counter that starts at 0, in one indivisible step, and returns its new value.
  int64_t add(const std::string& key, int64_t amount);

  Store clone() const;
  const std::shared_ptr<Connection>& connection() const { return connection_; }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace llm::dist

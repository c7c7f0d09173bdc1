// Tells a server what happens to a run: one POST of a JSON object for each event, in order. A
// server that is slow, down or wrong neither delays nor fails the run.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "llm/io/json.h"

namespace llm::train {

struct WebhookOptions {
  std::chrono::milliseconds timeout{5000};   // of connecting, of sending, of waiting for the answer
  int tries = 3;                             // of each event; an answer of 2xx is success
  std::chrono::milliseconds pause{1000};     // before the second try; twice that before the third
  std::chrono::milliseconds end_wait{8000};  // that the destructor waits for what is left
  size_t max_waiting = 256;                  // events; more are dropped
};

// A thread of its own sends. An event that could not be sent is dropped; the first time this
// happens is logged.
class Webhook {
 public:
  // Throws: ConfigError for a URL that is none.
  explicit Webhook(const std::string& url, WebhookOptions options = {});
  // Waits for what is left, and gives up what takes longer than the options allow.
  ~Webhook();
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  // Returns at once. Thread-safe.
  void post(const io::OrderedJson& event);

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;
};

}  // namespace llm::train

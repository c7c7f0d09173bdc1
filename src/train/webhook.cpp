#include "train/webhook.h"

#include <httplib.h>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "llm/core/log.h"
#include "train/webhook_url.h"

namespace llm::train {

namespace {

// Signals are the training thread's, and a connection that breaks while one writes is an error
// instead of a SIGPIPE.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

httplib::Client make_client(const std::string& server, std::chrono::milliseconds timeout) {
  httplib::Client client(server);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  client.set_follow_location(false);
  return client;
}

}  // namespace

// Shared with the thread, which outlives the Webhook where a name server does not answer.
struct Webhook::Queue {
  Queue(WebhookUrl to, WebhookOptions with)
      : url(std::move(to)), options(with), client(make_client(url.server, with.timeout)) {}

  // The next event, once there is one; nothing when none will come.
  std::optional<std::string> next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_closed || !waiting.empty(); });
    if (waiting.empty() || is_abandoned) return std::nullopt;
    std::string body = std::move(waiting.front());
    waiting.pop_front();
    return body;
  }

  // Why it failed; "" when the server has it.
  std::string send(const std::string& body) {
    const httplib::Result result = client.Post(url.target, body, "application/json");
    if (!result) return httplib::to_string(result.error());
    if (result->status >= 200 && result->status < 300) return "";
    return fmt::format("status {}", result->status);
  }

  // Returns false when the queue is given up meanwhile.
  bool wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, time, [this] { return is_abandoned; });
  }

  void deliver(const std::string& body) {
    std::string problem;
    for (int attempt = 0; attempt < options.tries; ++attempt) {
      if (attempt > 0 && !wait(options.pause * (1 << (attempt - 1)))) return;
      problem = send(body);
      if (problem.empty()) return;
    }
    warn_once(problem);
  }

  void warn_once(const std::string& problem) {
    if (has_warned.exchange(true)) return;
    core::log_warn("the webhook at {} was not told of an event (training goes on): {}", url.server,
                   problem);
  }

  void run() {
    block_signals();
    while (const auto body = next()) deliver(*body);
    const std::lock_guard lock(mutex);
    is_done = true;
    changed.notify_all();
  }

  const WebhookUrl url;
  const WebhookOptions options;
  httplib::Client client;  // stop() from another thread, all else from the queue's
  std::atomic<bool> has_warned = false;
  std::thread thread;

  std::mutex mutex;  // of the rest
  std::condition_variable changed;
  std::deque<std::string> waiting;
  bool is_closed = false;     // nothing more will come
  bool is_abandoned = false;  // what is left need not be sent
  bool is_done = false;
};

Webhook::Webhook(const std::string& url, WebhookOptions options)
    : queue_(std::make_shared<Queue>(parse_webhook_url(url), options)) {
  queue_->thread = std::thread([queue = queue_] { queue->run(); });
}

void Webhook::post(const io::OrderedJson& event) {
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->waiting.size() < queue_->options.max_waiting) {
      queue_->waiting.push_back(io::dump_json(event));
      queue_->changed.notify_all();
      return;
    }
  }
  queue_->warn_once("more events than it took");
}

Webhook::~Webhook() {
  Queue& queue = *queue_;
  std::unique_lock lock(queue.mutex);
  const auto is_done = [&queue] { return queue.is_done; };
  queue.is_closed = true;
  queue.changed.notify_all();
  if (!queue.changed.wait_for(lock, queue.options.end_wait, is_done)) {
    queue.is_abandoned = true;
    queue.changed.notify_all();
    lock.unlock();
    queue.warn_once("no answer until the end of the run");
    queue.client.stop();
    lock.lock();
    queue.changed.wait_for(lock, queue.options.end_wait / 8, is_done);
  }
  const bool can_join = queue.is_done;
  lock.unlock();
  // Only a name server that does not answer keeps the thread now; it has nothing left to do.
  can_join ? queue.thread.join() : queue.thread.detach();
}

}  // namespace llm::train

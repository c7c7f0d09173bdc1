#include "dist/transport.h"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <utility>

#include "dist/gloo_backend.h"
#include "dist/store_connection.h"
#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

// c10d adds it to the present time, so that it cannot be the largest number.
constexpr std::chrono::hours kNoLimit{24 * 3650};

at::Tensor byte_view(const std::byte* data, size_t size) {
  return at::from_blob(const_cast<std::byte*>(data), {static_cast<int64_t>(size)}, at::kByte);
}

// c10d takes tags as non-negative int.
int to_tag(uint64_t tag) { return static_cast<int>(tag & 0x7FFFFFFF); }

// "[/path/pair.cc:534] Connection closed by peer" without its place in foreign sources.
std::string without_place(const std::string& text) {
  const size_t end = text.starts_with('[') ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

core::DistError cannot_connect(const Rendezvous& rendezvous, const std::exception& error) {
  return core::DistError({rendezvous.peers[static_cast<size_t>(rendezvous.launch.rank)].name(),
                          "a connection to every other rank", without_place(first_line(error)),
                          "Look at the other ranks' messages. Between hosts, all ports have to be "
                          "open; GLOO_SOCKET_IFNAME chooses the network device"});
}

}  // namespace

Transport::Transport(const Rendezvous& rendezvous, const std::string& name,
                     std::chrono::milliseconds timeout)
    : rank_(rendezvous.launch.rank), peers_(rendezvous.peers), timeout_(timeout) {
  note_movement();
  try {
    backend_ = make_gloo_backend(rendezvous, name, timeout);
  } catch (const std::exception& error) {
    throw cannot_connect(rendezvous, error);
  }
}

Transfer Transport::send(int peer, uint64_t tag, std::span<const std::byte> bytes) {
  LLM_DCHECK(peer != rank_ && !bytes.empty());
  refuse_when_failed();
  std::vector<at::Tensor> tensors{byte_view(bytes.data(), bytes.size())};
  try {
    Transfer transfer{backend_->send(tensors, peer, to_tag(tag)), peer};
    bytes_sent_ += static_cast<int64_t>(bytes.size());
    return transfer;
  } catch (const std::exception& error) {
    throw failure(peer, error);
  }
}

Transfer Transport::receive(int peer, uint64_t tag, std::span<std::byte> bytes) {
  LLM_DCHECK(peer != rank_ && !bytes.empty());
  refuse_when_failed();
  std::vector<at::Tensor> tensors{byte_view(bytes.data(), bytes.size())};
  try {
    return {backend_->recv(tensors, peer, to_tag(tag)), peer};
  } catch (const std::exception& error) {
    throw failure(peer, error);
  }
}

void Transport::wait(const Transfer& transfer) {
  std::chrono::milliseconds timeout{};
  {
    const std::lock_guard lock(mutex_);
    refuse_when_failed();
    waited_ = transfer.work;
    timeout = timeout_;
  }
  bool is_complete = false;
  std::string problem;
  try {
    is_complete = transfer.work->wait(timeout);
  } catch (const std::exception& error) {
    problem = failure(transfer.peer, error).what();
  }
  note_movement();
  const std::lock_guard lock(mutex_);
  waited_.reset();
  refuse_when_failed();
  if (!problem.empty()) throw TransferFailure(problem, /*told=*/false);
  LLM_CHECK(is_complete, "a transfer ended without a reason");
}

void Transport::wait_without_limit() {
  const std::lock_guard lock(mutex_);
  timeout_ = kNoLimit;
}

void Transport::fail(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (is_failed_) return;
  fail_reason_ = reason;
  is_failed_ = true;
  if (waited_) waited_->abort();
}

void Transport::refuse_when_failed() const {
  if (is_failed_) throw TransferFailure(fail_reason_, /*told=*/true);
}

TransferFailure Transport::failure(int peer, const std::exception& error) {
  const std::string text = without_place(first_line(error));
  const std::string name = peers_[static_cast<size_t>(peer)].name();
  if (!text.starts_with("Timed out")) {
    return {fmt::format("{} does not answer: {}", name, text), /*told=*/false};
  }
  const std::lock_guard lock(mutex_);
  return {fmt::format("nothing from {} within {} s", name,
                      std::chrono::duration<double>(timeout_).count()),
          /*told=*/false};
}

}  // namespace llm::dist

// Gloo writes to connections without MSG_NOSIGNAL: when the peer is gone, the system would end this
// process by SIGPIPE before an error can name that peer.
#pragma once

#include <signal.h>

namespace llm::dist {

// Keeps SIGPIPE from this thread, and from those it starts meanwhile, for its lifetime.
class SigpipeBlock {
 public:
  SigpipeBlock();
  ~SigpipeBlock();
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;

 private:
  sigset_t mask_before_{};
};

}  // namespace llm::dist

// Progress of measured steps, with an eye on Ctrl-C.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>

#include "common/interrupt.h"
#include "common/progress.h"

namespace llm::apps {

// `progress` must outlive the hook. The hook throws Interrupted.
inline std::function<void(int64_t, int64_t)> show_steps(Progress& progress) {
  return [&progress](int64_t done, int64_t total) {
    check_interrupt();
    progress.update(static_cast<uint64_t>(done), static_cast<uint64_t>(total),
                    fmt::format("step {} of {}", done, total));
  };
}

}  // namespace llm::apps

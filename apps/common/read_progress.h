// Progress of reading documents, with an eye on Ctrl-C.
#pragma once

#include <fmt/format.h>

#include <string>

#include "common/interrupt.h"
#include "common/progress.h"
#include "llm/core/format.h"
#include "llm/corpus/document_reader.h"

namespace llm::apps {

// `progress` must outlive the hook. The hook throws Interrupted.
inline corpus::ReadProgressHook show_read_progress(Progress& progress) {
  return [&progress](const corpus::ReadProgress& at) {
    check_interrupt();
    const double rate = static_cast<double>(at.bytes_done) / (progress.seconds() + 1e-9);
    progress.update(at.bytes_done, at.bytes_total,
                    fmt::format("{} documents  {}/s", core::format_count(at.documents),
                                core::format_bytes(static_cast<uint64_t>(rate))));
  };
}

}  // namespace llm::apps

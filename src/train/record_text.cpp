#include "train/record_text.h"

#include <fmt/format.h>

#include "llm/core/format.h"

namespace llm::train {

std::string record_text(const MetricsRecord& record, int64_t total_steps) {
  if (record.is_evaluation) {
    std::string text = fmt::format("step {}  validation", record.step);
    for (const auto& [name, value] : record.values) text += fmt::format("  {} {:.4f}", name, value);
    return text;
  }
  return fmt::format("step {:>{}}/{}  loss {:.4f}  lr {:.2e}  grad norm {:.3f}  {} tok/s",
                     record.step, std::to_string(total_steps).size(), total_steps,
                     record.value("loss"), record.value("lr"), record.value("grad_norm"),
                     core::format_count(record.value("tokens_per_second")));
}

}  // namespace llm::train

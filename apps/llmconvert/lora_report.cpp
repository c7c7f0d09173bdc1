#include "llmconvert/lora_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/table.h"

namespace llm::apps {
namespace {

// "model.layers.3.self_attn.q_proj.weight" -> "self_attn.q_proj"
std::string kind_of(const std::string& parameter) {
  const std::string module = parameter.substr(0, parameter.rfind('.'));
  const std::string block = "model.layers.";
  if (!module.starts_with(block)) return module;
  return module.substr(module.find('.', block.size()) + 1);
}

struct KindSummary {
  std::string kind;
  int count = 0;
  int64_t least_rank = 0, largest_rank = 0;
  double least_scale = 0, largest_scale = 0;
  double largest = 0;
  std::string largest_parameter;
};

std::vector<KindSummary> summarise(const std::vector<convert::LoraChange>& changes) {
  std::vector<KindSummary> kinds;
  for (const convert::LoraChange& change : changes) {
    const std::string kind = kind_of(change.parameter);
    auto found = std::find_if(kinds.begin(), kinds.end(), [&](const KindSummary& known) {
      return known.kind == kind && (known.largest_rank == 0) == (change.rank == 0);
    });
    if (found == kinds.end()) {
      found = kinds.insert(kinds.end(), {.kind = kind,
                                         .least_rank = change.rank,
                                         .largest_rank = change.rank,
                                         .least_scale = change.scale,
                                         .largest_scale = change.scale});
    }
    ++found->count;
    found->least_rank = std::min(found->least_rank, change.rank);
    found->largest_rank = std::max(found->largest_rank, change.rank);
    found->least_scale = std::min(found->least_scale, change.scale);
    found->largest_scale = std::max(found->largest_scale, change.scale);
    if (found->largest_parameter.empty() || change.relative > found->largest) {
      found->largest = change.relative;
      found->largest_parameter = change.parameter;
    }
  }
  return kinds;
}

template <class T>
std::string range(T least, T largest) {
  return least == largest ? fmt::format("{:.4g}", static_cast<double>(least))
                          : fmt::format("{:.4g} to {:.4g}", static_cast<double>(least),
                                        static_cast<double>(largest));
}

}  // namespace

ReportExtras lora_report(const std::vector<convert::LoraChange>& changes) {
  Table table(
      {Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kLeft});
  table.set_header({"adapted", "modules", "rank", "scale", "largest |dW|/|W|", "in"});
  for (const KindSummary& kind : summarise(changes)) {
    const bool is_whole = kind.largest_rank == 0;
    table.add_row({kind.kind, fmt::format("{}", kind.count),
                   is_whole ? "stored whole" : range(kind.least_rank, kind.largest_rank),
                   is_whole ? "" : range(kind.least_scale, kind.largest_scale),
                   fmt::format("{:.4f}", kind.largest), kind.largest_parameter});
  }
  ReportExtras extras{.text = "\n" + table.text()};
  io::OrderedJson list = io::OrderedJson::array();
  for (const convert::LoraChange& change : changes) {
    io::OrderedJson entry = {{"parameter", change.parameter}};
    if (change.rank > 0) {
      entry["rank"] = change.rank;
      entry["scale"] = change.scale;
    }
    entry["relative_change"] = change.relative;
    list.push_back(std::move(entry));
  }
  extras.json["adapted"] = std::move(list);
  return extras;
}

}  // namespace llm::apps

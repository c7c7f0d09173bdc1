#include "train/eval_samples.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "llm/core/error.h"
#include "llm/io/line_reader.h"

namespace llm::train {

namespace {

using objectives::SampleScore;
using SamplesById = std::map<int64_t, SampleScore>;

const std::filesystem::path& cut_after(const std::filesystem::path& path, int64_t step) {
  io::truncate_lines_after(path, [&](std::string_view line) {
    const io::Json json = io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
    return step == 0 || !json.is_object() || json.value("step", step + 1) > step;
  });
  return path;
}

SamplesById joined(const std::vector<SampleScore>& samples) {
  SamplesById by_id;
  for (const SampleScore& sample : samples) {
    const auto [place, is_new] = by_id.try_emplace(sample.sample, sample);
    if (is_new) continue;
    place->second.nll += sample.nll;
    place->second.num_targets += sample.num_targets;
  }
  return by_id;
}

io::OrderedJson to_json(int64_t step, const SampleScore& sample, const std::string& source) {
  io::OrderedJson json = {{"step", step},
                          {"sample", sample.sample},
                          {"source", source},
                          {"nll", sample.nll},
                          {"num_targets", static_cast<int64_t>(sample.num_targets)}};
  if (sample.margin) json["margin"] = *sample.margin;
  if (sample.is_correct) json["is_correct"] = *sample.is_correct;
  return json;
}

// Infinite and undefined values were written as null.
double number_at(const io::Json& json, const char* key) {
  const io::Json& value = json.at(key);
  return value.is_null() ? NAN : value.get<double>();
}

SampleScore read_sample(const io::Json& json) {
  SampleScore sample{.sample = json.at("sample").get<int64_t>(),
                     .nll = number_at(json, "nll"),
                     .num_targets = number_at(json, "num_targets")};
  if (!json.contains("margin")) return sample;
  sample.margin = number_at(json, "margin");
  sample.is_correct = json.at("is_correct").get<bool>();
  return sample;
}

// The first and the newest evaluation of a file.
struct TwoEvaluations {
  SamplesById first, last;
  int64_t last_step = 0;
};

void add_line(const io::Json& json, TwoEvaluations& read) {
  const int64_t step = json.at("step").get<int64_t>();
  const SampleScore sample = read_sample(json);
  if (step == 0) {
    read.first[sample.sample] = sample;
    return;
  }
  if (step != read.last_step) read.last.clear();
  read.last_step = step;
  read.last[sample.sample] = sample;
}

TwoEvaluations read_evaluations(const std::filesystem::path& path) {
  TwoEvaluations read;
  io::LineReader lines(path);
  while (const auto line = lines.next()) {
    const std::string where = fmt::format("{}:{}", path.string(), lines.line_number());
    try {
      add_line(io::parse_json(*line, where), read);
    } catch (const io::Json::exception& error) {
      throw core::FormatError({where, "a line of eval_samples.jsonl",
                               io::plain_json_problem(error.what()),
                               "Remove the file: the run goes on without what it says"});
    }
  }
  return read;
}

// One value of every sample, before and after.
template <class Value>
core::PairedChange change_of(const TwoEvaluations& read, const Value& value, bool by_targets) {
  std::vector<double> before, after, weights;
  for (const auto& [id, first] : read.first) {
    before.push_back(value(first));
    after.push_back(value(read.last.at(id)));
    weights.push_back(by_targets ? first.num_targets : 1);
  }
  return core::paired_change(before, after, weights);
}

EvalChange::Pairs pairs_of(const TwoEvaluations& read) {
  EvalChange::Pairs pairs;
  pairs.margin = change_of(
      read, [](const SampleScore& s) { return s.margin.value(); }, false);
  pairs.accuracy = change_of(
      read, [](const SampleScore& s) { return static_cast<double>(s.is_correct.value()); }, false);
  for (const auto& [id, first] : read.first) {
    const bool before = first.is_correct.value();
    const bool after = read.last.at(id).is_correct.value();
    pairs.gained += !before && after;
    pairs.lost += before && !after;
  }
  pairs.p = core::mcnemar_p(pairs.gained, pairs.lost);
  return pairs;
}

bool are_comparable(const TwoEvaluations& read) {
  if (read.first.empty() || read.first.size() != read.last.size()) return false;
  for (const auto& [id, first] : read.first) {
    const auto last = read.last.find(id);
    if (last == read.last.end() || last->second.num_targets != first.num_targets) return false;
    if (first.margin.has_value() != last->second.margin.has_value()) return false;
  }
  return true;
}

}  // namespace

EvalSamplesWriter::EvalSamplesWriter(const std::filesystem::path& path, int64_t resume_step,
                                     std::vector<std::string> source_names)
    : writer_(cut_after(path, resume_step)), source_names_(std::move(source_names)) {}

void EvalSamplesWriter::write(int64_t step, const std::vector<SampleScore>& samples) {
  for (const auto& [id, sample] : joined(samples))
    writer_.write(to_json(step, sample, source_names_.at(static_cast<size_t>(sample.source))));
}

std::optional<EvalChange> eval_change(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const TwoEvaluations read = read_evaluations(path);
  if (!are_comparable(read)) return std::nullopt;
  EvalChange change{.from_step = 0, .to_step = read.last_step};
  change.nll = change_of(
      read, [](const SampleScore& s) { return s.nll; }, true);
  if (read.first.begin()->second.margin) change.pairs = pairs_of(read);
  return change;
}

}  // namespace llm::train

#include "llm/dist/start_up.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <map>

#include "dist/packed_strings.h"
#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

struct Compared {
  const char* name;
  std::string RankInfo::*field;
  const char* hint;
};

constexpr std::array<Compared, 4> kCompared{{
    {"version", &RankInfo::version, "Install the same program on every host"},
    {"binary", &RankInfo::binary, "Install the same program on every host"},
    {"config", &RankInfo::config, "Start every rank with the same command and config files"},
    {"tokenizer", &RankInfo::tokenizer, "Give every rank the same tokenizer files"},
}};

// The value that most ranks have; of equal numbers the one of the lowest rank.
const std::string& common_value(const std::vector<RankInfo>& infos, std::string RankInfo::*field) {
  std::map<std::string, int> counts;
  for (const RankInfo& info : infos) ++counts[info.*field];
  const RankInfo* best = &infos.front();
  for (const RankInfo& info : infos) {
    if (counts[info.*field] > counts[best->*field]) best = &info;
  }
  return best->*field;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "unknown host";
  return name.data();
}

std::string RankInfo::name() const { return fmt::format("rank {} ({})", rank, host); }

std::vector<RankInfo> gather_rank_infos(ProcessGroup& group, const RankInfo& own) {
  const std::string packed = pack_strings(
      {own.host, std::to_string(own.pid), std::to_string(own.local_rank), own.device,
       std::to_string(own.num_threads), own.version, own.binary, own.config, own.tokenizer});
  std::vector<RankInfo> infos;
  for (const std::string& message : group.all_gather_bytes(packed, "the start-up table")) {
    const std::vector<std::string> fields = unpack_strings(message);
    LLM_CHECK(fields.size() == 9, "{} fields", fields.size());
    infos.push_back({.rank = static_cast<int>(infos.size()),
                     .host = fields[0],
                     .pid = std::stoll(fields[1]),
                     .local_rank = std::stoi(fields[2]),
                     .device = fields[3],
                     .num_threads = std::stoi(fields[4]),
                     .version = fields[5],
                     .binary = fields[6],
                     .config = fields[7],
                     .tokenizer = fields[8]});
  }
  return infos;
}

void require_equal(const std::vector<RankInfo>& infos) {
  for (const Compared& compared : kCompared) {
    const std::string& common = common_value(infos, compared.field);
    std::vector<std::string> others;
    for (const RankInfo& info : infos) {
      if (info.*compared.field == common) continue;
      others.push_back(fmt::format("{}: {} {}", info.name(), compared.name, info.*compared.field));
    }
    if (others.empty()) continue;
    throw core::DistError({fmt::format("{} of the ranks", compared.name),
                           fmt::format("{} on all {} ranks", common, infos.size()),
                           fmt::format("{}", fmt::join(others, ", ")), compared.hint});
  }
}

}  // namespace llm::dist

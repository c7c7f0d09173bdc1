#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include "dist/packed_strings.h"
#include "llm/core/check.h"
#include "llm/dist/start_up.h"

namespace llm::dist {
namespace {

bool share_a_core(const CoreMask& a, const CoreMask& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](int core) { return std::binary_search(b.begin(), b.end(), core); });
}

CoreMask parse_mask(const std::string& text) {
  std::istringstream numbers(text);
  return {std::istream_iterator<int>(numbers), {}};
}

}  // namespace

CoreMask own_core_mask() {
  // Machines may have more cores than the fixed size of cpu_set_t.
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 20); capacity *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> cores(
        CPU_ALLOC(capacity), [](cpu_set_t* set) { CPU_FREE(set); });
    const size_t size = CPU_ALLOC_SIZE(capacity);
    if (!cores || ::sched_getaffinity(0, size, cores.get()) != 0) continue;
    CoreMask mask;
    for (int core = 0; core < capacity; ++core) {
      if (CPU_ISSET_S(core, size, cores.get())) mask.push_back(core);
    }
    return mask;
  }
  return {0};
}

ThreadShare thread_share(const std::vector<CoreMask>& masks_of_host, int index) {
  LLM_CHECK(index >= 0 && static_cast<size_t>(index) < masks_of_host.size());
  const CoreMask& own = masks_of_host[static_cast<size_t>(index)];
  std::set<int> cores;
  int sharing = 0;
  for (const CoreMask& mask : masks_of_host) {
    if (!share_a_core(own, mask)) continue;
    cores.insert(mask.begin(), mask.end());
    ++sharing;
  }
  ThreadShare share{std::max(1, static_cast<int>(own.size()) / std::max(1, sharing))};
  if (sharing > static_cast<int>(cores.size())) {
    share.note = fmt::format(
        "{} ranks share {} core{} of this host and will slow each other down; start at most one "
        "rank per core, or let the launcher use more cores (Open MPI: --bind-to none)",
        sharing, cores.size(), cores.size() == 1 ? "" : "s");
  }
  return share;
}

ThreadShare default_num_threads(ProcessGroup& group) {
  const std::string own =
      pack_strings({host_name(), fmt::format("{}", fmt::join(own_core_mask(), " "))});
  std::vector<CoreMask> masks;
  int index = 0;
  const std::vector<std::string> all = group.all_gather_bytes(own, "the cores of every rank");
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const std::vector<std::string> fields = unpack_strings(all[rank]);
    if (fields.front() != host_name()) continue;
    if (static_cast<int>(rank) == group.rank()) index = static_cast<int>(masks.size());
    masks.push_back(parse_mask(fields.back()));
  }
  return thread_share(masks, index);
}

}  // namespace llm::dist

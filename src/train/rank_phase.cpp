#include "train/rank_phase.h"

#include <fmt/format.h>

#include <exception>

#include "llm/core/error.h"

namespace llm::train {

namespace {

// What the ranks tell each other: nothing, or why they failed.
struct PhaseOutcome {
  std::exception_ptr failure;
  std::string message;
};

PhaseOutcome run_phase(const std::function<void()>& phase) {
  try {
    phase();
    return {};
  } catch (const std::exception& error) {
    return {std::current_exception(), std::string("!") + error.what()};
  } catch (...) {
    return {std::current_exception(), "!interrupted"};
  }
}

void agree(dist::ProcessGroup& group, const std::string& label, const PhaseOutcome& own) {
  const auto messages = group.all_gather_bytes(own.message, label);
  for (size_t rank = 0; rank < messages.size(); ++rank) {
    if (messages[rank].empty()) continue;
    if (static_cast<int>(rank) == group.rank()) std::rethrow_exception(own.failure);
    throw core::PeerError({.where = fmt::format("rank {}", rank),
                           .expected = {},
                           .got = messages[rank].substr(1),
                           .hint = {}});
  }
}

}  // namespace

void run_on_all_ranks(dist::ProcessGroup& group, const std::string& label,
                      const std::function<void()>& phase) {
  if (group.size() == 1) return phase();
  agree(group, label, run_phase(phase));
}

void run_on_first_rank_first(dist::ProcessGroup& group, const std::string& label,
                             const std::function<void()>& phase) {
  if (group.size() == 1) return phase();
  agree(group, label, group.rank() == 0 ? run_phase(phase) : PhaseOutcome{});
  agree(group, label, group.rank() == 0 ? PhaseOutcome{} : run_phase(phase));
}

}  // namespace llm::train

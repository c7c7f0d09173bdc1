#include "llm/io/fault_hook.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "io/system_calls.h"

namespace llm::io {
namespace {

struct HookSlot {
  std::atomic<bool> is_set{false};  // without a hook nobody waits for the lock
  std::mutex mutex;
  FaultHook hook;
  uint64_t next_number = 0;
};

HookSlot& hook_slot() {
  static HookSlot slot;
  return slot;
}

}  // namespace

const char* action_name(FileAction action) {
  switch (action) {
    case FileAction::kCreate:
      return "create";
    case FileAction::kWrite:
      return "write";
    case FileAction::kResize:
      return "resize";
    case FileAction::kSync:
      return "sync";
    case FileAction::kRename:
      return "rename";
    case FileAction::kExchange:
      return "exchange";
    case FileAction::kRemove:
      return "remove";
    case FileAction::kMakeDirectory:
      return "make directory";
    case FileAction::kRemoveDirectory:
      return "remove directory";
    case FileAction::kSyncDirectory:
      return "sync directory";
  }
  return "?";
}

int injected_fault(FileOperation operation) {
  HookSlot& slot = hook_slot();
  if (!slot.is_set.load(std::memory_order_acquire)) return 0;
  const std::lock_guard lock(slot.mutex);
  if (!slot.hook) return 0;
  operation.number = slot.next_number++;
  return slot.hook(operation);
}

void set_fault_hook(FaultHook hook) {
  HookSlot& slot = hook_slot();
  const std::lock_guard lock(slot.mutex);
  slot.hook = std::move(hook);
  slot.next_number = 0;
  slot.is_set.store(static_cast<bool>(slot.hook), std::memory_order_release);
}

}  // namespace llm::io

// What tests put between this program and its files: every operation that makes, writes, flushes,
// renames or removes something goes through one hook, which may refuse it, wait, write it down, or
// end the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

namespace llm::io {

enum class FileAction {
  kCreate,           // a file that was not there
  kWrite,            // `bytes` at `offset`
  kResize,           // to `offset` bytes
  kSync,             // what was written to the file is on disk from here on
  kRename,           // to `target`, in the place of a file that is there
  kExchange,         // with `target`
  kRemove,           // a file
  kMakeDirectory,    //
  kRemoveDirectory,  // an empty one
  kSyncDirectory     // what was made, renamed or removed in it is on disk from here on
};

// "create", "write", ...
const char* action_name(FileAction action);

struct FileOperation {
  uint64_t number = 0;  // from 0, in the order in which they were told to this hook
  FileAction action = FileAction::kWrite;
  std::filesystem::path path;
  std::filesystem::path target = {};
  uint64_t offset = 0;
  std::span<const std::byte> bytes = {};  // valid during the call
};

// Called before the operation, by one thread at a time; what it returns other than 0 is the errno
// that the operation fails with, undone. It must not use the operations itself. Empty: off.
using FaultHook = std::function<int(const FileOperation& operation)>;
// Thread-safe. Returns once no call of the hook before is under way.
void set_fault_hook(FaultHook hook);

}  // namespace llm::io

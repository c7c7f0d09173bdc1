// What a power cut may leave of a folder: the operations on it are written down through the fault
// hook, and replayed as a file system without any order of its own might have put them on disk.
//
// The model of the file system:
// - An fsync of a file makes all writes and lengths of that file before it last. Other writes last
//   by blocks of 4 KiB in any combination, and a block may be torn: its first bytes new, the rest
//   old. A length that is not flushed may be the old one.
// - An fsync of a directory makes all names that were made, renamed or removed in it before last.
//   Others last in any combination, also later ones without earlier ones. A rename within or
//   between directories is one change: all of it lasts or nothing, and it is sure only once both
//   directories are flushed.
// - A name may last without the content of its file, and content without its name.
// - The operation during which the power fails may last as any other that is not flushed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "llm/io/fault_hook.h"
#include "support/temp_directory.h"

namespace llm::test {

class PowerLossLog {
 public:
  // `root` and what is in it are on disk.
  explicit PowerLossLog(std::filesystem::path root) : root_(std::move(root)) { scan(root_, 0); }

  // Requires: told of every operation below the root, in their order; each then succeeds. Others
  // are left out.
  void record(const io::FileOperation& operation) {
    using io::FileAction;
    if (!operation.path.string().starts_with(root_.string())) return;
    Step step{.action = operation.action, .offset = operation.offset};
    const auto from = parent_and_name(operation.path);
    switch (operation.action) {
      case FileAction::kCreate:
      case FileAction::kMakeDirectory:
        step.inode = new_inode(operation.action == FileAction::kMakeDirectory);
        step.directory = from.first;
        step.name = from.second;
        live_[from.first][from.second] = step.inode;
        break;
      case FileAction::kWrite:
        step.bytes.assign(reinterpret_cast<const char*>(operation.bytes.data()),
                          operation.bytes.size());
        [[fallthrough]];
      case FileAction::kResize:
      case FileAction::kSync:
      case FileAction::kSyncDirectory:
        step.inode = find(operation.path);
        break;
      case FileAction::kRemove:
      case FileAction::kRemoveDirectory:
        step.inode = find(operation.path);
        step.directory = from.first;
        step.name = from.second;
        live_[from.first].erase(from.second);
        break;
      case FileAction::kRename:
      case FileAction::kExchange: {
        const auto to = parent_and_name(operation.target);
        step.inode = find(operation.path);
        step.directory = from.first;
        step.name = from.second;
        step.to_directory = to.first;
        step.to_name = to.second;
        apply_names(step, live_);
        break;
      }
    }
    steps_.push_back(std::move(step));
  }

  size_t size() const { return steps_.size(); }

  // Makes `out` a folder that may be there after a power cut during operation `cut`.
  void replay(size_t cut, std::mt19937_64& random, const std::filesystem::path& out) const {
    const double chance = std::vector{0.0, 0.1, 0.5, 0.9, 1.0}[random() % 5];
    const auto lasts = [&] { return std::uniform_real_distribution<>(0, 1)(random) < chance; };
    Names names = initial_names_;
    Contents contents = initial_contents_;
    for (size_t i = 0; i <= cut && i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const bool is_sure = is_flushed(i, cut);
      if (step.action == io::FileAction::kWrite) {
        write(step, is_sure, lasts, random, contents[step.inode]);
      } else if (step.action == io::FileAction::kResize) {
        if (is_sure || lasts()) contents[step.inode].resize(step.offset);
      } else if (is_sure || lasts()) {
        apply_names(step, names);
      }
    }
    materialize(0, names, contents, out);
  }

 private:
  using Inode = size_t;  // 0: the root
  using Names = std::map<Inode, std::map<std::string, Inode>>;
  using Contents = std::map<Inode, std::string>;

  struct Step {
    io::FileAction action;
    Inode inode = 0;
    Inode directory = 0, to_directory = 0;
    std::string name = {}, to_name = {};
    uint64_t offset = 0;
    std::string bytes = {};
  };

  Inode new_inode(bool is_directory) {
    is_directory_.push_back(is_directory);
    return is_directory_.size() - 1;
  }

  void scan(const std::filesystem::path& folder, Inode inode) {
    if (is_directory_.empty()) new_inode(true);
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const Inode child = new_inode(entry.is_directory());
      initial_names_[inode][entry.path().filename()] = child;
      if (entry.is_directory()) {
        scan(entry.path(), child);
      } else {
        initial_contents_[child] = read_bytes(entry.path());
      }
    }
    if (inode == 0) live_ = initial_names_;
  }

  Inode find(const std::filesystem::path& path) const {
    Inode at = 0;
    for (const auto& part : path.lexically_relative(root_)) {
      if (part == ".") continue;
      const auto directory = live_.find(at);
      if (directory == live_.end() || !directory->second.contains(part))
        throw std::logic_error("an operation on " + path.string() + ", which nothing made");
      at = directory->second.at(part);
    }
    return at;
  }

  std::pair<Inode, std::string> parent_and_name(const std::filesystem::path& path) const {
    if (path.lexically_normal() == root_) return {0, "."};
    return {find(path.parent_path()), path.filename()};
  }

  static void apply_names(const Step& step, Names& names) {
    using io::FileAction;
    auto& directory = names[step.directory];
    switch (step.action) {
      case FileAction::kCreate:
      case FileAction::kMakeDirectory:
        directory[step.name] = step.inode;
        break;
      case FileAction::kRemove:
      case FileAction::kRemoveDirectory:
        directory.erase(step.name);
        break;
      case FileAction::kRename:
        directory.erase(step.name);
        names[step.to_directory][step.to_name] = step.inode;
        break;
      case FileAction::kExchange: {
        auto& other = names[step.to_directory];
        directory[step.name] = other[step.to_name];
        other[step.to_name] = step.inode;
        break;
      }
      default:
        break;
    }
  }

  bool is_flushed(size_t index, size_t cut) const {
    const Step& step = steps_[index];
    const bool is_data =
        step.action == io::FileAction::kWrite || step.action == io::FileAction::kResize;
    const auto flushed = [&](io::FileAction by, Inode inode) {
      for (size_t i = index + 1; i < cut && i < steps_.size(); ++i) {
        if (steps_[i].action == by && steps_[i].inode == inode) return true;
      }
      return false;
    };
    if (is_data) return flushed(io::FileAction::kSync, step.inode);
    const bool is_rename =
        step.action == io::FileAction::kRename || step.action == io::FileAction::kExchange;
    return flushed(io::FileAction::kSyncDirectory, step.directory) &&
           (!is_rename || flushed(io::FileAction::kSyncDirectory, step.to_directory));
  }

  template <class Lasts>
  static void write(const Step& step, bool is_sure, const Lasts& lasts, std::mt19937_64& random,
                    std::string& content) {
    constexpr uint64_t kBlock = 4096;
    const uint64_t end = step.offset + step.bytes.size();
    for (uint64_t begin = step.offset; begin < end;) {
      const uint64_t size = std::min(end, (begin / kBlock + 1) * kBlock) - begin;
      uint64_t kept = size;
      if (!is_sure && !lasts()) kept = random() % 2 == 0 ? 0 : random() % size;
      if (kept > 0) {
        content.resize(std::max<uint64_t>(content.size(), begin + kept));
        std::memcpy(content.data() + begin, step.bytes.data() + (begin - step.offset), kept);
      }
      begin += size;
    }
  }

  void materialize(Inode directory, const Names& names, const Contents& contents,
                   const std::filesystem::path& out) const {
    std::filesystem::create_directories(out);
    const auto entries = names.find(directory);
    if (entries == names.end()) return;
    for (const auto& [name, inode] : entries->second) {
      if (is_directory_[inode]) {
        materialize(inode, names, contents, out / name);
      } else {
        const auto content = contents.find(inode);
        std::ofstream(out / name, std::ios::binary)
            << (content == contents.end() ? std::string() : content->second);
      }
    }
  }

  std::filesystem::path root_;
  std::vector<bool> is_directory_;  // by inode
  Names initial_names_, live_;
  Contents initial_contents_;
  std::vector<Step> steps_;
};

}  // namespace llm::test

// Oracle: a typed error that names its place, or UTF-8 text whose every byte has an origin
// (fuzz/jinja_targets.h).
#include <gtest/gtest.h>

#include <filesystem>

#include "../fuzz/jinja_targets.h"
#include "llm/io/file.h"
#include "support/mutate.h"
#include "support/paths.h"

namespace llm::text {
namespace {

TEST(JinjaDamaged, TemplatesFailWithAPlaceOrRun) {
  int sound = 0;
  int ran = 0;
  uint64_t file = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_dir() / "fuzz/corpus/jinja_fuzz")) {
    const std::string bytes = io::read_file(entry.path());
    sound += fuzz::jinja_template(bytes);
    core::PhiloxStream random(2026, file++);
    for (int i = 0; i < 200; ++i) ran += fuzz::jinja_template(test::mutated(bytes, random));
  }
  EXPECT_GT(sound, 1);
  EXPECT_GT(ran, 50);
}

}  // namespace
}  // namespace llm::text

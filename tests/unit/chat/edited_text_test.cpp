// Oracle: places counted by hand.
#include "chat/edited_text.h"

#include <gtest/gtest.h>

#include <clocale>

namespace llm::chat {
namespace {

TEST(EditedText, TheCursorMovesBetweenLines) {
  const std::wstring_view text = L"long line\n\nx\nlast";
  EXPECT_EQ(cursor_above(text, 4), std::nullopt);
  EXPECT_EQ(cursor_below(text, 4), 10U);  // the empty line
  EXPECT_EQ(cursor_below(text, 10), 11U);
  EXPECT_EQ(cursor_below(text, 12), 14U);
  EXPECT_EQ(cursor_below(text, 14), std::nullopt);
  EXPECT_EQ(cursor_above(text, 17), 12U);  // "x" is shorter
  EXPECT_EQ(cursor_above(text, 11), 10U);
  EXPECT_EQ(cursor_above(text, 10), 0U);
  EXPECT_EQ(cursor_above(L"\n", 1), 0U);
  EXPECT_EQ(cursor_below(L"\n", 0), 1U);
  EXPECT_EQ(cursor_above(L"", 0), std::nullopt);
  EXPECT_EQ(cursor_below(L"", 0), std::nullopt);
}

TEST(EditedText, RowsCountWrappedAndWideCharacters) {
  const std::string before = std::setlocale(LC_CTYPE, nullptr);
  ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
  EXPECT_EQ(screen_place(L"abc", 3, 2, 10), (ScreenPlace{0, 5}));
  EXPECT_EQ(screen_place(L"abcdefghi", 9, 2, 10), (ScreenPlace{1, 1}));
  EXPECT_EQ(screen_place(L"abcdefghi", 8, 2, 10), (ScreenPlace{0, 10}));
  EXPECT_EQ(screen_place(L"a\nb\nc", 5, 2, 10), (ScreenPlace{2, 1}));
  EXPECT_EQ(screen_place(L"한글한글한", 5, 2, 11), (ScreenPlace{1, 2}));  // 2 + 5 * 2 columns
  EXPECT_EQ(screen_place(L"한글한글한", 4, 2, 11), (ScreenPlace{0, 10}));
  EXPECT_EQ(screen_place(L"a\tb", 3, 2, 20), (ScreenPlace{0, 9}));
  EXPECT_EQ(screen_place(L"", 0, 12, 5), (ScreenPlace{2, 2}));
  std::setlocale(LC_CTYPE, before.c_str());
}

TEST(EditedText, PastesAreCleaned) {
  EXPECT_EQ(clean_paste(L"a\rb\n\tc\x1b[31m\x7f\x9b\r\r"), L"a\nb\n\tc[31m");
  EXPECT_EQ(clean_paste(L"\r"), L"");
}

}  // namespace
}  // namespace llm::chat

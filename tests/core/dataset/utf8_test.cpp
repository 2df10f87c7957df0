#include "engine/core/dataset/utf8.h"

#include <string>
#include <vector>

#include "tests/support/test.h"

namespace llmrun {

TEST_CASE("well-formed UTF-8 passes, from the first to the last character of each length") {
  for (const std::string text : {"", "a", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                                 "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CAPTURE(text);
    CHECK(!invalid_utf8(text));
  }
  CHECK(!invalid_utf8(std::string(1, '\0')));
}

TEST_CASE("ill-formed UTF-8 is found where it begins, at any distance from the start") {
  const std::vector<std::string> bad{"\x80",
                                     "\xBF",
                                     "\xC0\x80",
                                     "\xC1\xBF",
                                     "\xC2",
                                     "\xC2 ",
                                     "\xE0\x9F\xBF",
                                     "\xED\xA0\x80",
                                     "\xE1\x80",
                                     "\xF0\x8F\xBF\xBF",
                                     "\xF4\x90\x80\x80",
                                     "\xF5\x80\x80\x80",
                                     "\xFF",
                                     "\xF1\x80\x80",
                                     "\xF1\x80\x80\xC0"};
  for (const std::string& sequence : bad) {
    for (size_t before = 0; before < 20; ++before) {
      CAPTURE(before);
      CHECK(invalid_utf8(std::string(before, 'a') + sequence + "tail of ASCII text") == before);
      CHECK(invalid_utf8(std::string(before, 'a') + sequence) == before);
    }
  }
}

}  // namespace llmrun

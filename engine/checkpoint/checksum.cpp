#include "engine/checkpoint/checksum.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

namespace llmrun {

uint64_t xxh3(const void* bytes, int64_t size) { return XXH3_64bits(bytes, static_cast<size_t>(size)); }

std::string checksum_text(uint64_t checksum) { return fmt::format("{:016x}", checksum); }

std::optional<uint64_t> parse_checksum(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() != 16 || text.find_first_not_of(kDigits) != std::string_view::npos) return {};
  uint64_t checksum = 0;
  std::from_chars(text.data(), text.data() + text.size(), checksum, 16);
  return checksum;
}

}  // namespace llmrun

#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmrun {

/// XXH3, 64 bits (xxhash.com): finds damage, does not stop a forger.
uint64_t xxh3(const void* bytes, int64_t size);
inline uint64_t xxh3(std::string_view text) { return xxh3(text.data(), static_cast<int64_t>(text.size())); }

/// Sixteen lower-case hex digits, and back: anything else is nullopt.
std::string checksum_text(uint64_t checksum);
std::optional<uint64_t> parse_checksum(std::string_view text);

}  // namespace llmrun

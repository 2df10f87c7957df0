#include "launcher/follow/log_start.h"

#include <unistd.h>

#include <algorithm>
#include <string>

namespace llmrun {
namespace {

constexpr int64_t kBlock = 1 << 16;

std::string read_at(int descriptor, int64_t begin, int64_t end) {
  std::string text(static_cast<size_t>(end - begin), '\0');
  const ssize_t count = ::pread(descriptor, text.data(), text.size(), begin);
  text.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

/// A line with a time, and where it begins.
struct Dated {
  int64_t offset;
  WallTime time;
};

/// The first dated line that begins in [begin, end); offset `end` where there is none. `at_line`: `begin` is where a line begins.
Dated first_dated(int descriptor, int64_t begin, int64_t end, bool at_line) {
  while (begin < end) {
    const std::string block = read_at(descriptor, begin, std::min(begin + kBlock, end));
    size_t at = at_line ? 0 : std::min(block.find('\n'), block.size());
    if (!at_line && at < block.size()) ++at;
    for (size_t newline; at < block.size(); at = newline + 1) {
      const std::string_view line = std::string_view(block).substr(at);
      newline = std::min(block.find('\n', at), block.size());
      if (const WallTime time = time_of_line(line); time != kNoTime) return {begin + static_cast<int64_t>(at), time};
      if (newline == block.size() && at > 0) break;  // its time may stand in the next block
    }
    if (block.empty()) break;
    at_line = at < block.size() ? at > 0 : block.back() == '\n';
    begin += static_cast<int64_t>(at < block.size() && at > 0 ? at : block.size());
  }
  return {end, kNoTime};
}

}  // namespace

/// Walks back block by block until `lines` newlines lie between there and the end.
int64_t start_of_last_lines(int descriptor, int64_t size, int64_t lines) {
  if (lines == 0) return size;
  for (int64_t end = size; end > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - kBlock);
    const std::string block = read_at(descriptor, begin, end);
    for (int64_t i = static_cast<int64_t>(block.size()) - 1; i >= 0; --i) {
      const bool last_byte = begin + i == size - 1;
      if (block[static_cast<size_t>(i)] != '\n' || last_byte) continue;
      if (--lines == 0) return begin + i + 1;
    }
    end = begin;
  }
  return 0;
}

int64_t start_of_time(int descriptor, int64_t size, WallTime since) {
  constexpr int64_t kEnough = 1 << 20;
  if (first_dated(descriptor, 0, std::min(size, kEnough), true).time == kNoTime) return 0;
  int64_t low = 0, limit = size, answer = size;  // low is too old; no line in [limit, answer) has a time
  while (limit - low > kBlock) {
    const int64_t middle = low + (limit - low) / 2;
    const Dated found = first_dated(descriptor, middle, limit, false);
    if (found.time != kNoTime && found.time < since) {
      low = found.offset;
      continue;
    }
    if (found.time != kNoTime) answer = found.offset;
    limit = middle;
  }
  for (Dated found{low, kNoTime}; found.offset < answer;) {
    found = first_dated(descriptor, found.offset, answer, found.time == kNoTime);
    if (found.time == kNoTime || found.time >= since) return found.offset;
  }
  return answer;
}

}  // namespace llmrun

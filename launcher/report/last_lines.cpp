#include "launcher/report/last_lines.h"

#include <algorithm>
#include <deque>
#include <fstream>

namespace llmrun {

std::vector<std::string> last_lines(const std::filesystem::path& file, size_t most) {
  constexpr std::streamoff kEnd = 65536;  // bytes that are looked at; a line of metrics has about 600
  std::ifstream in(file, std::ios::binary);
  in.seekg(0, std::ios::end);
  if (!in) return {};
  in.seekg(std::max<std::streamoff>(0, in.tellg() - kEnd));
  std::deque<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > most) lines.pop_front();
  }
  return {lines.begin(), lines.end()};
}

}  // namespace llmrun

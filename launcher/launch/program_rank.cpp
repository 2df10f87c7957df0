#include "launcher/launch/program_rank.h"

#include "engine/core/units.h"

namespace llmrun {
namespace {

constexpr std::string_view kEscape = "llmrun:";  // before a lone ":", and before a word that begins so itself
constexpr int64_t kMostHosts = 1 << 20;

std::string escaped(const std::string& word) { return word == ":" || word.starts_with(kEscape) ? std::string(kEscape) + word : word; }

}  // namespace

std::vector<std::string> rank_command(const std::string& llmrun, const ProgramRank& rank) {
  std::vector<std::string> words{llmrun, "__rank", "--run", rank.run.string(), "--hosts", host_counts_text(rank.ranks_of_hosts)};
  if (!rank.keeps_log) words.emplace_back("--no-log");
  if (rank.gpus > 0)
    words.insert(words.end(), {"--gpus", std::to_string(rank.gpus), "--accelerator", rank.accelerator, "--affinity", rank.affinity});
  words.emplace_back("--");
  for (const std::string& word : rank.argv) words.push_back(escaped(word));
  return words;
}

std::vector<std::string> program_words(std::vector<std::string> words) {
  for (std::string& word : words)
    if (word.starts_with(kEscape)) word.erase(0, kEscape.size());
  return words;
}

std::string host_counts_text(const std::vector<int64_t>& counts) {
  std::string text;
  for (size_t begin = 0, end; begin < counts.size(); begin = end) {
    for (end = begin; end < counts.size() && counts[end] == counts[begin];) ++end;
    if (!text.empty()) text += ',';
    text += std::to_string(counts[begin]);
    if (end - begin > 1) text += fmt::format("*{}", end - begin);
  }
  return text;
}

std::vector<int64_t> parse_host_counts(const std::string& text) {
  std::vector<int64_t> counts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string run = text.substr(begin, end - begin);
    const size_t star = std::min(run.find('*'), run.size());
    const int64_t ranks = parse_integer(run.substr(0, star)).value_or(0);
    const int64_t hosts = star == run.size() ? 1 : parse_integer(run.substr(star + 1)).value_or(0);
    if (ranks < 1 || hosts < 1 || hosts > kMostHosts) throw Error(Exit::usage, "'{}' does not say how many ranks each host has", text);
    counts.insert(counts.end(), static_cast<size_t>(hosts), ranks);
    begin = end + 1;
  }
  return counts;
}

}  // namespace llmrun

#include "launcher/rundir/record.h"

#include <fstream>

#include "engine/core/file.h"
#include "engine/core/file_modes.h"

namespace llmrun {
namespace {

json attempt_json(const Attempt& attempt) {
  json document{{"number", attempt.number},
                {"id", attempt.id},
                {"start", attempt.start},
                {"end", attempt.end},
                {"log", attempt.log},
                {"ranks", attempt.ranks},
                {"exit", attempt.exit ? json(*attempt.exit) : json()},
                {"job", attempt.job}};
  if (attempt.death) document["death"] = to_json(*attempt.death);
  return document;
}

Attempt attempt_from(const json& document) {
  Attempt attempt{
      document.at("number"), document.at("id"), document.at("start"), document.at("end"), document.at("log"), document.at("ranks"), {}};
  if (!document.at("exit").is_null()) attempt.exit = document.at("exit").get<int>();
  attempt.job = document.value("job", "");
  if (document.contains("death")) attempt.death = rank_death_from(document["death"]);
  return attempt;
}

}  // namespace

json to_json(const RunRecord& record) {
  json attempts = json::array();
  for (const Attempt& attempt : record.attempts) attempts.push_back(attempt_json(attempt));
  json document{{"version", RunRecord::kVersion},
                {"name", record.name},
                {"git", to_json(record.git)},
                {"versions", {{"llmrun", record.llmrun_version}}},
                {"finished_steps", record.finished_steps},
                {"attempts", attempts}};
  if (!record.argv.empty()) document["argv"] = record.argv;
  return document;
}

RunRecord read_record(const std::filesystem::path& path) {
  RunRecord record;
  if (!std::filesystem::exists(path)) return record;
  const json document = read_json_file(path, Exit::preflight);
  try {
    document.at("name").get_to(record.name);
    record.git = git_state_from(document.at("git"));
    document.at("versions").at("llmrun").get_to(record.llmrun_version);
    document.at("finished_steps").get_to(record.finished_steps);
    record.argv = document.value("argv", std::vector<std::string>());
    for (const json& attempt : document.at("attempts")) record.attempts.push_back(attempt_from(attempt));
  } catch (const json::exception& failure) {
    throw Error(Exit::preflight, "'{}' is damaged: {}", path.string(), failure.what())
        .hint("move it away; checkpoints and metrics do not need it");
  }
  return record;
}

namespace {

/// What the end of an attempt adds at most. While it runs, as many blanks keep the place: the disk may be full by then.
constexpr size_t kEnd = 512;

bool is_running(const RunRecord& record) { return !record.attempts.empty() && record.attempts.back().end.empty(); }

/// Writes over a file that has room for `text`, and needs none of the disk's. False where it has not.
bool write_in_place(const std::filesystem::path& path, std::string text) {
  std::error_code none;
  const std::uintmax_t size = std::filesystem::file_size(path, none);
  if (none || text.size() > size) return false;
  text.insert(text.size() - 1, size - text.size(), ' ');
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  return file.write(text.data(), static_cast<std::streamsize>(text.size())).flush().good();
}

}  // namespace

void write_record(const std::filesystem::path& path, const RunRecord& record) {
  const OwnerOnly alone;  // the uncommitted changes of the user's code are in it
  std::string text = to_json(record).dump(2, ' ', false, json::error_handler_t::replace);
  if (is_running(record)) text.append(kEnd, ' ');
  text += '\n';
  try {
    write_file_atomically(path, text);
  } catch (const Error&) {
    if (!write_in_place(path, text)) throw;
  }
}

}  // namespace llmrun

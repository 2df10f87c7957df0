#include "launcher/scheduler/queue_line.h"

#include <algorithm>
#include <fstream>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "launcher/scheduler/scheduler.h"
#include "launcher/scheduler/status_cache.h"

namespace llmrun {
namespace {

constexpr int kVersion = 1;

struct KnownLine {
  std::string server;  // of PBS, as ids name it: machines that share a home have their own
  std::string queue;
  int64_t as_of = 0;  // milliseconds since 1970
  QueueLine line;
};

std::string server_of(const std::string& id) { return id.substr(std::min(id.find('.'), id.size())); }

std::optional<KnownLine> read_line(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  try {
    const json document = json::parse(in);
    if (document.at("version") != kVersion) return std::nullopt;
    KnownLine known{document.at("server"), document.at("queue"), document.at("as_of"), {{}, document.at("tells_of_others")}};
    for (const json& job : document.at("jobs")) known.line.jobs.push_back({job.at("id"), job.at("nodes")});
    return known;
  } catch (const json::exception&) {  // damaged, or of another version: as if it were not there
    return std::nullopt;
  }
}

/// It saves questions and is no record: one that cannot be written is left.
void write_line(const std::filesystem::path& file, const KnownLine& known) {
  json jobs = json::array();
  for (const WaitingJob& job : known.line.jobs) jobs.push_back({{"id", job.id}, {"nodes", job.nodes}});
  const json document{{"version", kVersion},
                      {"server", known.server},
                      {"queue", known.queue},
                      {"as_of", known.as_of},
                      {"tells_of_others", known.line.tells_of_others},
                      {"jobs", jobs}};
  try {
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, document.dump(-1, ' ', false, json::error_handler_t::replace));
  } catch (const Error&) {
    return;
  } catch (const std::filesystem::filesystem_error&) {
    return;
  }
}

QueueLine ask(const KnownLine& wanted, const std::filesystem::path& file, Scheduler& scheduler) {
  const std::optional<KnownLine> known = file.empty() ? std::nullopt : read_line(file);
  const int64_t age = known ? wanted.as_of - known->as_of : -1;
  if (known && known->server == wanted.server && known->queue == wanted.queue && age >= 0 && age < StatusCache::kFreshMs)
    return known->line;
  KnownLine now = wanted;
  now.line = scheduler.waiting_in(wanted.queue);
  if (!file.empty()) write_line(file, now);
  return now.line;
}

}  // namespace

std::optional<QueueAhead> queue_ahead(const QueuedJob& job, const std::string& queue, Scheduler& scheduler, const Variables& environment) {
  QueueLine line;
  try {
    line = ask({server_of(job.id), queue, system_clock_ms(), {}}, status_cache_file(environment, "line-" + job.scheduler), scheduler);
  } catch (const Error&) {  // what is asked for comfort must not hide what is known
    return std::nullopt;
  }
  QueueAhead ahead;
  ahead.tells_of_others = line.tells_of_others;
  for (const WaitingJob& other : line.jobs) {
    if (other.id == job.id) return ahead;
    ++ahead.jobs;
    ahead.nodes += other.nodes;
  }
  return std::nullopt;
}

}  // namespace llmrun

#include "launcher/follow/waiting_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "launcher/scheduler/waiting_reasons.h"

namespace llmrun {
namespace {

std::tm local(int64_t moment) {
  const std::time_t seconds = moment;
  std::tm here{};
  ::localtime_r(&seconds, &here);
  return here;
}

std::string state(std::string_view scheduler, const Job& job, int64_t now) {
  const std::string why = short_reason(scheduler, job), reason = why.empty() ? "" : ": " + why;
  const std::string estimate = job.starts_at && *job.starts_at > now ? "; starts about " + clock_text(*job.starts_at, now) : "";
  switch (job.phase) {
    case JobPhase::waiting:
      return fmt::format("waits {}in {}{}{}", job.preempted ? "again, after it was preempted, " : "", job.queue, reason, estimate);
    case JobPhase::held:
      return "is held" + reason + estimate;
    case JobPhase::suspended:
      return "is suspended" + reason;
    case JobPhase::running:
      return fmt::format("runs{}{}, no line from it yet", job.hosts.empty() ? "" : " ", on_hosts(job.hosts));
    case JobPhase::ended:
      break;
  }
  return "has ended" + reason;
}

}  // namespace

std::string on_hosts(const std::vector<std::string>& hosts) {
  if (hosts.empty()) return "";
  return fmt::format("on {}{}", hosts.front(), hosts.size() > 1 ? fmt::format(" and {} more", hosts.size() - 1) : "");
}

std::string short_id(const std::string& id) { return id.substr(0, id.find('.')); }

std::string clock_text(int64_t moment, int64_t now) {
  const std::tm then = local(moment), today = local(now);
  const bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
  char text[32];
  const size_t size = std::strftime(text, sizeof text, same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
  return {text, size};
}

std::string waiting_text(const JobNews& news, const std::string& trouble, int64_t now) {
  std::string text = "job " + short_id(news.queued.id) + " ";
  if (!trouble.empty())
    text += "is out of sight: " + trouble + "; asking again";
  else
    text += news.job ? state(news.queued.scheduler, *news.job, now) : "is not known to the scheduler any more";
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return text;
}

}  // namespace llmrun

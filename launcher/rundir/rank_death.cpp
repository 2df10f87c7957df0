#include "launcher/rundir/rank_death.h"

namespace llmrun {

json to_json(const RankDeath& death) {
  return {{"rank", death.rank ? json(*death.rank) : json()},
          {"host", death.host},
          {"signal", death.signal},
          {"code", death.code},
          {"host_lost", death.host_lost}};
}

RankDeath rank_death_from(const json& document) {
  RankDeath death;
  if (!document.at("rank").is_null()) death.rank = document.at("rank").get<int64_t>();
  document.at("host").get_to(death.host);
  document.at("signal").get_to(death.signal);
  document.at("code").get_to(death.code);
  document.at("host_lost").get_to(death.host_lost);
  return death;
}

}  // namespace llmrun

#pragma once
#include "cli/completion/candidates.h"

namespace llmrun::cli {

// Where words come from that are not in the command tree. Each adds what may stand for the whole value, whatever is typed of it so far:
// `offers` keeps what fits. What cannot be read adds nothing: a completion has nobody to complain to.

void offer_runs(const Typed& typed, Offers& offers);       // runs here, and queued jobs
void offer_run_files(const Typed& typed, Offers& offers);  // recipes, and YAML files
void offer_profiles(const Typed& typed, Offers& offers);   // machines, models and recipes
void offer_machines(const Typed& typed, Offers& offers);
void offer_models(const Typed& typed, Offers& offers);
void offer_queues(const Typed& typed, Offers& offers);    // of the machine that the words before make
void offer_settings(const Typed& typed, Offers& offers);  // KEY= and the values of a key
void offer_sweeps(const Typed& typed, Offers& offers);    // the same, and further values of the key
void offer_keys(const Typed& typed, Offers& offers);      // keys and sections
void offer_ranks(const Typed& typed, Offers& offers);     // ranks of the run that was named
void offer_hosts(const Typed& typed, Offers& offers);     // its hosts
void offer_steps(const Typed& typed, Offers& offers);     // steps of its checkpoints
void offer_states(const Typed& typed, Offers& offers);    // what `history` calls the end of a run

}  // namespace llmrun::cli

"""What visitors of workshop mode may do: look and answer. Everything else is the host's.

`restrict` is called once, before the first page is drawn. From then on every operation of `lab`
that is not listed in `VISITORS` is replaced in its module by one that raises `NotPermittedError`,
whoever calls it: a page, a callback, or another operation. Nothing removes the restriction, and an
operation that somebody adds without listing it here is refused.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

from simcore import lab
from simcore.errors import NotPermittedError

Operation = Callable[..., object]
Operations = Mapping[str, Operation]  # by name

# Layers that read and write files and databases. A function that a module of `lab` passes on from
# one of them is an operation as well; those of the other layers only compute.
STATEFUL = ("simcore.data.", "simcore.models.", "simcore.training.")

# Module of `lab` -> operations that only read, that compute without changing what others see, or
# that store a participant's own answer.
VISITORS = {
    "api.arguments": "as_recipe collection_name make_question",
    "app_files": "root",
    "claims.choices": "available universes",
    "claims.next_steps": "next_steps",
    "claims.claims_report": "describe_rule format_evidence format_value",
    "claims.claims_evaluation": "stored",
    "claims.combination_statistics": "best_minus_all best_minus_best_network "
    "best_minus_single best_over_network best_over_single diverse_minus_networks "
    "every_two_minus_single four_minus_any gap_closed least_loss oracle_over_best "
    "participation_correlation peak_difference shape_participation weakest_loss zsum_over_sum",
    "claims.judgement_statistics": "judged_and_pairs_correlation judged_combination_gain "
    "judged_cosine_best judged_first_minus_second judged_handmade_minus_network "
    "judged_normalization_gain",
    "claims.pair_statistics": "associative_deviation associative_miss cosine_minus_l2 "
    "cosine_minus_l2_at_every_k every_exclusive exclusive_share face_association "
    "face_minus_best_network face_on_both family first_minus_second held_out_best "
    "hits_cosine_best images_with_faces images_without_faces low_level_confusion miss_share "
    "network_minus_handmade pairs_of_faces shape_and_texture_without_faces switch_cost "
    "tlld_share triplet_cosine_best vote_correlation whole_minus_face_crops",
    "claims.training_statistics": "adapted_minus_original adapted_over_original "
    "reduced_minus_original sigma_difference",
    "claims.universe_pairs": "check_combinations kind sizes standardized_rows takes_crops",
    "error_log": "write",  # what went wrong for a visitor, for the host to read
    "evaluate.best_subsets": "report",
    "evaluate.combinations": "format_interval subset_recipe search search_in report ranking "
    "participation ablation compare is_quick search_key hit_count check_backbone_count "
    "scored_subset single_hits",
    "evaluate.exclusive": "report found_and_missed complementarity disagreements",
    "evaluate.grouped_recall": "recall_by",
    "evaluate.recall": "recall curve cosine_minus_l2 associative_recall votes "
    "post_processing_gains failed_queries ranks ranks_of_each mate_ranks "
    "pairs_digest outcomes_of_each stored_outcomes is_quick seconds both_metrics "
    "post_processing_question",
    "evaluate.waterfall": "waterfall is_quick",
    "evaluate.learned_sums": "learned_weights learned_gates cues_of cue_values gated_recipe",
    "html_document": "heading paragraph command table side_by_side data_url pictures chart embed "
    "document bar_style line_style",
    "invariance.changed_features": "change embed has_features read",
    "invariance.invariance_evaluation": "floor_of is_quick picture_outcomes stored",
    "invariance.picture": "curves open_picture",
    "judgements.agreement": "percent table combined people",
    "judgements.pair_similarities": "default_backbones distances expand is_distance metrics_of "
    "ready why_not_ready available values identity",
    "judgements.perceptual": "check_nets layer_table combinations",
    "judgements.sets": "names summary listing summary_table open_ printed singleton_sets "
    "name_of_source",
    "judgements.trial_disagreements": "largest_first",
    "leaderboard.board": "format_place format_score",
    "leaderboard.board_entries": "cost_value format_cost",
    "leaderboard.board_files": "dump merge to_html to_latex",
    "leaderboard.costs": "read",
    "leaderboard.evaluation": "sensible_metrics stored",
    "leaderboard.task_sources": "names not_ranked open_",
    "learning.ablation": "versions stored_versions",
    "learning.adaptation": "make_settings check_backbone_count best_zsum asymmetric_ranks "
    "select_pairs",
    "learning.finetuning": "make_settings preset_source trainable",
    "learning.finetuning_grid": "make default_bases ready_bases count_stored inputs",
    "learning.joint": "make_settings scores_table",
    "learning.joint_scores": "testing outcomes score gain",
    "learning.learned_backbones": "check_available read_lineage read_curve listing summary_table "
    "pair_table trial_table joint_listing pair_changes trial_changes triplet_sets_for_training "
    "singleton_sets votes_source without_training_overlap",
    "learning.judgement_data": "open_ similarities evaluate",
    "learning.pair_data": "open_",
    "learning.single_image_data": "open_",
    "learning.training_data": "open_ resolve training_keys",
    "library.collections": "names thumbnail picture is_content_key open_ open_as_added version "
    "listing summary feature_counts extracted_backbones default_backbones keys rows_digest "
    "unreadable",
    "library.duplicates": "read_verdicts verdicts_changed pair_groups default_backbone "
    "default_backbone_if_ready candidates find_near_duplicates seconds thresholds "
    "opening_thresholds is_threshold_quick both_sides image_keys refused_pairs generic_backbone "
    "face_backbone",
    "library.features": "for_side for_images has_features absent_keys is_ready collection_key "
    "complete_key identity key_to_read not_extracted counts decode decode_as embed_upload",
    "library.fields": "names values group matching_rows",
    "library.indexes": "search_mode choose nearest similarity",
    "library.models": "groups is_fetched_unasked is_non_commercial license_terms listing all_names "
    "demo_names default_network is_known kind",
    "library.provenance": "training_overlap_warning trained_on_warning trained_on_any trained_here "
    "require_unseen subsets unseen_part",
    "library.records": "data backbones",
    "library.selections": "subsets ids_of rows",
    "library.similarity": "sides recipe_row read_moments absent_moments",
    "library.subsets": "face_report open_subset is_quick choices find_duplicates is_report_quick "
    "count_faces",
    # Visitors read reports that the host has made; `plan` computes nothing.
    "papers.bapps_tables": "check steps",
    "papers.comparisons": "coefficient number of_score percentage printed_ratio ratio share "
    "share_interval table",
    "papers.margaritescu2024_finetuning": "steps",
    "papers.margaritescu2024_tables": "parts steps",
    "papers.paper_charts": "figure height",
    "papers.question_steps": "duplicate_inputs face_inputs inputs people_inputs state steps",
    "papers.report_files": "about tables_of to_html to_latex to_markdown",
    "papers.report_header": "judgement_facts make question_facts",
    "papers.reproduce": "plan command open_sets default_subset",
    "papers.risser_maroux2021_tables": "steps stored_rows table",
    "papers.section_store": "code_digest key load",
    "papers.sections": "mark_trained",
    "people.analysis": "analyze participants",
    "people.duel_scores": "live player group_score",
    # What only the host does checks the host's key, so that one server in workshop mode is enough.
    "people.duels": "answer as_group current end is_duel is_host join next_group groups seat start",
    "people.analysis_text": "sentences table task_sentences times_table",
    "people.experiments": "listing summary",
    "people.given_answers": "grades is_passed",
    "people.machine_choices": "answer best",
    "people.tasks": "get",
    "people.participation": "check_label introduction join screen answer shuffle_choices",
    "permissions": "restrict modules operations",  # nothing here removes the restriction
    "printed_annex": "row",
    "recipes": "parse check_metric check_missing check_pair_function check_post_processing resolve "
    "resolve_metric shared_metric",
    "stored_recipes": "names descriptions listing open_ with_parts to_document",
    "search.map_pictures": "picture point_color",
    "search.map_colors": "labels choices groups tags tag_names fitting",
    "search.cluster_names": "sources name_clusters frequent_words nearest_words",
    "search.map_layout": "compute",
    "search.map_placement": "place",
    "search.morph": "load make missing stops to_pixels",
    "search.maps": "to_pixels projection_settings single_recipe load is_quick make count_faces",
    "search.pair": "open_picture preview shapes table is_quick correspondences occlusion "
    "gallery_features similarity_shares",
    "search.why": "candidates explain crop_rank occluded_parts",
    "judgements.set_maps": "is_set load set_of",
    "search.stored_hits": "find are_stored",
    "search.search": "read_file ready_backbones search is_quick searchable_backbones search_text "
    "text_backbones",
    "work_estimates": "is_short comparison moments ranks subset_search near_duplicates projection",
}

# The others, listed so that a test notices a new operation that nobody has thought about.
HOST = {
    "api.backbone_features": "extract import_features list_backbones metric register",
    "api.evaluations": "compare invariance leaderboard ranks recall similarity waterfall",
    "api.learning": "learn",
    "api.named_collections": "add list_collections open_collection",
    "api.search_and_maps": "map search",
    "api.similarity_recipes": "gates plain_sum rerank rrf stored_recipe zsum",
    "claims.claims_evaluation": "run",
    "demo": "prepare score",
    "doctor": "cache_size doctor",
    "search.precompute": "run opening_recipes",
    "search.stored_hits": "make",
    "jobs": "start jobs running get stop monitor run_in_job in_job damaged forget report_missing",
    "invariance.changed_features": "extract",
    "invariance.invariance_evaluation": "run",
    "judgements.pair_similarities": "prepare",
    "judgements.sets": "add remove collection sample save_sample",
    "leaderboard.board_files": "load read",
    "leaderboard.costs": "measure sample",
    "leaderboard.evaluation": "plan run",
    "log_files": "rotating",
    "stored_recipes": "save remove",
    "learning.ablation": "compare_versions",
    "learning.adaptation": "adapt gather_inputs save_backbone store_features store_rows",
    "learning.finetuning": "tune image_loader",
    "learning.finetuning_grid": "compute split_source training_data",
    "learning.joint": "learn save_backbone",
    "learning.learned_backbones": "unfinished resume_args write_curve remove adapter_file",
    "library.collections": "add remove upload download_tll mark_unreadable",
    "library.duplicates": "store_verdicts set_verdict",
    "library.extraction": "compile_networks extract extract_images packaged_weights",
    "library.selections": "save remove",
    "library.indexes": "build update indexes",
    "library.models": "fetch download_cost add_weights",
    "library.vectors": "import_features export_features remove listing check_vectors",
    "search.neighbor_tools": "export",
    "papers.bapps_tables": "judgement_scores table_2 table_3",
    "papers.margaritescu2024_finetuning": "base_results base_section figure_5_3 "
    "sections_5_2_7_to_9",
    "papers.margaritescu2024_statements": "section minus",
    "papers.margaritescu2024_tables": "bars assign_sources scores_per_set clusters panel_score "
    "sections_5_2_1_to_6 figure_4_2 figure_5_1 "
    "section_5_2_3",
    "papers.paper_report": "make_sections",
    "papers.reproduce": "run",
    "papers.retrievals": "draw failures beside_mate first_columns",
    "papers.risser_maroux2021_tables": "compute_row backbone_section annex_section figure_3 "
    "figure_4",
    "papers.rosenfeld2018_people": "answered_experiments figure_4 figures_5a_5b machine_of "
    "positions printed_column table_2b",
    "papers.rosenfeld2018_tables": "figure_1 figure_2a figure_2b figure_3 figure_6 table_1 "
    "table_2a figure_5c section_4_2_faces section_4_2_votes near_duplicates log_spaced",
    "papers.rosenfeld2019_tables": "figure_3a figure_3b figure_4 table_1 section_4_4_1 figure_5 "
    "figure_6",
    "papers.section_store": "save",
    "judgements.set_maps": "make",
    "people.answer_backups": "create listing restore",
    "people.disagreement": "most_informative",
    "people.drawing": "draw draw_condition make_question catch_trials",
    "people.experiments": "parse read_consent create remove check_name prepare_pictures preset "
    "rosenfeld2018_conditions",
    "people.question_pool": "nearest make_options",
    "people.exchange": "formats_of write to_bytes",
    "people.export": "export read read_file",
    "people.given_answers": "read",
    "people.answer_judgements": "existing_sets judgements make_draft odd_last ranked_keys triplets "
    "unused_name",
    "people.duel_machines": "default_backbones play",
    "people.duels": "create host_key make_plan wall_path",
    # Annotators are known by the names that they type, so a visitor could act as another one.
    "people.review": "queue pair pairs_of add_review undo own_tags current_reviews export summary "
    "recall_so_far is_quick",
}


def restrict() -> None:
    """Refuse, as long as this process lives, every operation that visitors may not use."""
    for name, module in modules():
        permitted = VISITORS.get(name, "").split()
        for operation_name, operation in operations(module).items():
            if operation_name not in permitted and not hasattr(operation, REFUSED):
                setattr(module, operation_name, _refusal(operation))


REFUSED = "refused_to_visitors"  # attribute of an operation that `restrict` put in place


def modules() -> Iterator[tuple[str, ModuleType]]:
    """All modules of `lab`, by their names within it."""
    prefix = f"{lab.__name__}."
    for info in pkgutil.walk_packages(lab.__path__, prefix):
        if not info.ispkg:
            yield info.name.removeprefix(prefix), importlib.import_module(info.name)


def operations(module: ModuleType) -> Operations:
    """The public functions of a module of `lab`, and those it passes on from stateful layers."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in public.items()
        if callable(value)
        and not isinstance(value, type)
        and f"{value.__module__}.".startswith((f"{module.__name__}.", *STATEFUL))
    }


def _refusal(operation: Operation) -> Operation:
    @functools.wraps(operation)
    def refuse(*_args: object, **_kwargs: object) -> object:
        raise NotPermittedError("Workshop mode does not permit this. Ask the host to do it.")

    setattr(refuse, REFUSED, True)
    return refuse

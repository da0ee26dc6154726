/*-------------------------------------------------------------------------
 *
 * ann_page_keys.c
 *		Key pages: the filter keys of every list page, beside each other, and
 *		where the records of its entries are.
 *
 * A place belongs to a list page from the WAL record that makes the page a
 * part of a chain to the one that frees it, and the keys of an entry are
 * written together with the entry. So whoever sees an entry finds its keys
 * here. Vacuum leaves what entries that it removes have here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/generic_xlog.h"

#include "ann/ann_page.h"
#include "ann/ann_page_int.h"

/* ---- where the search for a free place starts ---- */

static BlockNumber
read_start(Relation index)
{
	Buffer buffer =
		ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META, BUFFER_LOCK_SHARE);
	BlockNumber block =
		((AnnMeta *) PageGetContents(BufferGetPage(buffer)))->keys_free;

	UnlockReleaseBuffer(buffer);
	return block;
}

/* Unless somebody else has moved it; any page of the chain will do. */
static void
move_start(Relation index, BlockNumber from, BlockNumber to)
{
	Buffer buffer = ann_page_read(index, ANN_METAPAGE, ANN_PAGE_META,
								  BUFFER_LOCK_EXCLUSIVE);
	AnnMeta *meta = (AnnMeta *) PageGetContents(BufferGetPage(buffer));

	if (meta->keys_free == from && from != to)
	{
		GenericXLogState *state = GenericXLogStart(index);

		meta = (AnnMeta *) PageGetContents(
			GenericXLogRegisterBuffer(state, buffer, 0));
		meta->keys_free = to;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
}

void
ann_keys_freed(Relation index)
{
	AnnMeta meta;

	ann_meta_read(index, &meta);
	if (meta.filters > 0)
		move_start(index, meta.keys_free, meta.keys_start);
}

/* ---- places ---- */

Buffer
ann_keys_find(Relation index, const AnnLayout *layout, int *place)
{
	*place = 0;
	if (layout->filters == 0)
		return InvalidBuffer;
	for (;;)
	{
		BlockNumber block = read_start(index);
		Buffer buffer =
			ann_page_read(index, block, ANN_PAGE_KEYS, BUFFER_LOCK_EXCLUSIVE);

		for (*place = 0; *place < layout->places_per_page; (*place)++)
			if (ann_key_place(layout, BufferGetPage(buffer), *place)->page ==
				ANN_METAPAGE)
				return buffer;
		UnlockReleaseBuffer(buffer);
		move_start(index, block, ann_chain_next(index, block, ANN_PAGE_KEYS));
	}
}

Buffer
ann_keys_lock(Relation index, const AnnLayout *layout, Buffer list)
{
	AnnPageSpecial *special = ann_special(BufferGetPage(list));
	BlockNumber block = BufferGetBlockNumber(list);
	Buffer buffer;

	if (layout->filters == 0)
		return InvalidBuffer;
	buffer = ann_page_read(index, special->keys, ANN_PAGE_KEYS,
						   BUFFER_LOCK_EXCLUSIVE);
	if (special->keys_place >= layout->places_per_page ||
		ann_key_place(layout, BufferGetPage(buffer), special->keys_place)
				->page != block)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("list page and key page of index \"%s\" do not fit "
					   "at block %u",
					   RelationGetRelationName(index), block),
				errhint("Please REINDEX it."));
	return buffer;
}

void
ann_keys_take(const AnnLayout *layout, Page keys_page, BlockNumber keys_block,
			  int place, Page list_page, BlockNumber list_block)
{
	AnnPageSpecial *special = ann_special(list_page);
	AnnKeyPlace *keys = ann_key_place(layout, keys_page, place);

	keys->page = list_block;
	keys->blocks = keys->entries = 0;
	for (int f = 0; f < layout->filters; f++)
		for (int b = 0; b < ANN_KEY_BYTES; b++)
			memset(ann_key_bytes(layout, keys_page, f, b, place, 0), 0,
				   (Size) ANN_BLOCK * layout->blocks_per_page);
	memset(ann_key_records(layout, keys_page, place, 0), 0,
		   sizeof(AnnKeyRecords) * layout->blocks_per_page);
	keys->list = special->list;
	keys->stamp = special->stamp;
	special->keys = keys_block;
	special->keys_place = (uint16) place;
}

void
ann_keys_free(const AnnLayout *layout, Page keys_page, int place)
{
	AnnKeyPlace *keys = ann_key_place(layout, keys_page, place);

	keys->page = ANN_METAPAGE;
	ann_special(keys_page)->entries -= keys->entries;
	keys->entries = 0;
}

void
ann_keys_put(const AnnLayout *layout, Page keys_page, int place, int block,
			 int slot, const AnnEntry *entry, BlockNumber record_page,
			 OffsetNumber record_item)
{
	AnnKeyPlace *keys = ann_key_place(layout, keys_page, place);
	AnnKeyRecords *records = ann_key_records(layout, keys_page, place, block);

	keys->blocks = (uint16) Max(keys->blocks, block + 1);
	if (keys->entries < ANN_BLOCK * keys->blocks)
	{
		keys->entries++;
		ann_special(keys_page)->entries++;
	}
	for (int f = 0; f < layout->filters; f++)
	{
		uint16 key = ann_short_key(entry->keys[f]);

		ann_key_bytes(layout, keys_page, f, 0, place, block)[slot] =
			(uint8) (key >> 8);
		ann_key_bytes(layout, keys_page, f, 1, place, block)[slot] =
			(uint8) key;
	}
	records->page[slot] = record_page;
	records->item[slot] = record_item;
}

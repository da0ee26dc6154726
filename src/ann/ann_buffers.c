/*-------------------------------------------------------------------------
 *
 * ann_buffers.c
 *		Finding pages again that this backend has read before.
 *
 * A search looks at hundreds of pages in no order, and most of its time goes
 * into waiting for memory: the table of buffers, the buffer's descriptor, the
 * page, the record. A backend therefore remembers in which buffer it last saw
 * a page. The server checks that the page is still there, so what is
 * remembered may be wrong; and where a page lies is known before it is
 * needed, so that its memory can be fetched meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "storage/buf_internals.h"

#include "ann/ann_page.h"
#include "base/compat.h"

/*
 * Pages remembered, powers of two: as many as the longest index read so far
 * has, so its pages do not take places from each other. At most 2 MB.
 */
#define FIRST_PLACES 4096
#define MOST_PLACES 262144

/*
 * Finding a buffer by what is remembered does not tell the server that its
 * page is in use; every so many calls take the long way, which does.
 */
#define LONG_WAY 64

#define CACHE_LINE 64

/* Of a long record, what the hardware does not fetch ahead by itself. */
#define RECORD_START 512

typedef struct Place
{
	uint32 tag; /* hash of relation and block */
	Buffer buffer;
} Place;

static Place *places = NULL;
static uint32 nplaces = 0;
static uint32 calls = 0;

/* Make room for a page of this number; what was remembered is forgotten. */
static void
more_places(BlockNumber block)
{
	uint32 wanted = Max(nplaces, FIRST_PLACES);

	while (wanted <= block && wanted < MOST_PLACES)
		wanted *= 2;
	if (wanted == nplaces)
		return;
	if (places != NULL)
		pfree(places);
	nplaces = 0;
	places = NULL;
	places = MemoryContextAllocZero(TopMemoryContext, sizeof(Place) * wanted);
	nplaces = wanted;
}

static Place *
find_place(Relation index, BlockNumber block, uint32 *tag)
{
	uint32 file = murmurhash32(compat_file_number(index));

	*tag = hash_combine(file, murmurhash32(block));
	return &places[(file + block) & (nplaces - 1)];
}

Buffer
ann_buffer_read_recent(Relation index, BlockNumber block, Buffer *recent)
{
	if (!BufferIsValid(*recent) || ++calls % LONG_WAY == 0 ||
		!ReadRecentBuffer(compat_locator(index), MAIN_FORKNUM, block, *recent))
		*recent = ReadBuffer(index, block);
	return *recent;
}

Buffer
ann_buffer_read(Relation index, BlockNumber block)
{
	uint32 tag;
	Place *place;

	if (block >= nplaces && nplaces < MOST_PLACES)
		more_places(block);
	place = find_place(index, block, &tag);
	if (place->tag != tag)
		place->buffer = InvalidBuffer;
	place->tag = tag;
	return ann_buffer_read_recent(index, block, &place->buffer);
}

/* The page that a buffer had, if it is a shared one, else NULL. */
static const char *
recent_page(Buffer buffer)
{
	if (buffer <= InvalidBuffer || buffer > NBuffers)
		return NULL;
	__builtin_prefetch(GetBufferDescriptor(buffer - 1), 1);
	return (const char *) BufferGetBlock(buffer);
}

/* Where the page is if it is where it was, else NULL. */
static const char *
remembered_page(Relation index, BlockNumber block)
{
	const Place *place;
	uint32 tag;

	if (places == NULL)
		return NULL;
	place = find_place(index, block, &tag);
	return place->tag == tag ? recent_page(place->buffer) : NULL;
}

static void
prefetch(const char *from, Size size)
{
	for (Size at = 0; at < size; at += CACHE_LINE)
		__builtin_prefetch(from + at);
}

void
ann_buffer_prefetch_record(Relation index, const AnnLayout *layout,
						   BlockNumber block, OffsetNumber item)
{
	const char *page = remembered_page(index, block);
	Size size = MAXALIGN(layout->record_size);

	/* where a build puts records: one after the other from the end on */
	if (page == NULL || item * size > ANN_PAGE_SPACE)
		return;
	prefetch(page, 1);
	prefetch(page + SizeOfPageHeaderData + item * sizeof(ItemIdData), 1);
	prefetch(page + BLCKSZ - MAXALIGN(sizeof(AnnPageSpecial)) - item * size,
			 Min(size, RECORD_START));
}

void
ann_buffer_prefetch_list(Relation index, const AnnLayout *layout,
						 BlockNumber block, bool filtered)
{
	const char *page = remembered_page(index, block);

	if (page == NULL)
		return;
	prefetch(page + BLCKSZ - sizeof(AnnPageSpecial), 1);
	ann_block_prefetch(layout, page, 0, filtered);
}

void
ann_buffer_prefetch_keys(const AnnLayout *layout, Buffer recent, int filter)
{
	const char *page = recent_page(recent);
	Size blocks = (Size) layout->places_per_page * layout->blocks_per_page;

	if (page == NULL)
		return;
	prefetch(page + BLCKSZ - sizeof(AnnPageSpecial), 1);
	prefetch(
		(const char *) ann_key_bytes(layout, (Page) page, filter, 0, 0, 0),
		ANN_BLOCK * blocks);
}

void
ann_buffer_prefetch_blocks(Relation index, const AnnLayout *layout,
						   BlockNumber block, uint32 blocks)
{
	const char *page = remembered_page(index, block);

	if (page == NULL)
		return;
	prefetch(page + BLCKSZ - sizeof(AnnPageSpecial), 1);
	for (int i = 0; blocks >> i != 0; i++)
		if (blocks >> i & 1)
			ann_block_prefetch(layout, page, i, false);
}

void
ann_block_prefetch(const AnnLayout *layout, const char *page, int index,
				   bool filtered)
{
	AnnBlock block = ann_block(layout, (Page) page, index);

	if (!filtered)
	{
		prefetch((const char *) block.codes, layout->block_size);
		return;
	}
	prefetch((const char *) block.keys,
			 sizeof(uint32) * ANN_BLOCK * layout->filters);
	prefetch((const char *) block.used, 1);
}

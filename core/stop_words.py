"""Words that say little about what a question is about, by language.

They tell a text's language, and they are left out of a question, never out of the index.
Written without accents where readers often leave them out: both forms are listed.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "english": _words(
        """a about above after again against all also am among an and any are aren as at be became
        because been before being below between both but by can cannot could couldn d did didn do
        does doesn doing don done down during each either else ever every few for from further had
        hadn has hasn have haven having he her here hers herself him himself his how however i if in
        into is isn it its itself just least let ll m made make many may me might more most much
        must mustn my myself neither no nor not now of off often on once one only onto or other our
        ours ourselves out over own per please rather re s same shall she should shouldn since so
        some such t than that the their theirs them themselves then there therefore these they this
        those though through thus to too under until up upon us ve very was wasn we well were weren
        what when where whether which while who whom whose why will with within without won would
        wouldn you your yours yourself yourselves following"""
    ),
    "spanish": _words(
        """a al algo algun alguna algunas algunos algún ante antes aquel aquella aquello aqui aquí
        asi así aun aunque bajo bien cada como con contra cual cuales cualquier cuando cuanto cuál
        cuáles cuándo cuánta cuántas cuánto cuántos cómo de debe del desde donde dos durante dónde
        e el ella ellas ello ellos en entonces entre era eran es esa esas ese eso esos esta estaba
        estado estan estas este esto estos está están fue fueron ha había habían haber han hasta hay
        he la las le les lo los mas me mi mientras mis mucho muchos muy más mí ni no nos nosotros o
        os otra otras otro otros para pero poco por porque puede pueden pues que quien quienes quién
        quiénes qué se sea segun según ser si sido sin sobre solo son su sus sí sólo tal también tan
        tanto te tenía tiene tienen todo todos tras tu tus tuvo un una unas uno unos y ya yo"""
    ),
    "german": _words(
        """ab aber alle allem allen aller alles als also am an andere anderen anderer anderes auch
        auf aus bei beim bereits bin bis bist da dabei dadurch dafür dagegen daher damit dann daran
        darauf das dass dem den denen denn der deren des dessen die dies diese diesem diesen dieser
        dieses doch dort du durch ein eine einem einen einer eines er es etwa etwas euch für gab
        gibt habe haben hat hatte hatten her hier hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer
        im in indem ins ist ja jede jedem jeden jeder jedes jedoch kann kein keine keinem keinen
        keiner können könnte man mehr mein meine mich mir mit muss nach nicht nichts noch nun nur ob
        oder ohne sehr sein seine seinem seinen seiner seit sich sie sind so sogar solche soll
        sollte sondern sonst um und uns unser unter vom von vor wann war waren warum was weil welche
        welchem welchen welcher welches wem wen wenn wer werden wessen wie wieder wieso wieviel wir
        wird wo wobei wodurch wofür woher wohin worden wozu wurde wurden während über zu zum zur
        zwischen"""
    ),
    "french": _words(
        """a afin ai ainsi alors apres après au aucun aucune aura aussi autre autres aux avait avant
        avec avez avoir avons c car ce ceci cela celle celles celui ces cet cette ceux chaque chez
        ci combien comme comment d dans de depuis des dont du durant elle elles en encore entre es
        est et etaient etait etc eu eux faire fait fut furent il ils j je jusqu l la laquelle le
        lequel les lesquelles lesquels leur leurs lors lorsque lui là m ma mais me mes moins mon
        même n ne ni nos notre nous on ont ou où par parce pas pendant peu peut plus plusieurs pour
        pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se selon sera ses si son
        sont sous sur t ta tandis te tes toi ton tous tout toute toutes tres très tu un une vers vos
        votre vous y à été était étaient être"""
    ),
    "italian": _words(
        """a ad agli ai al alla alle allo altri altro anche ancora aveva avevano avere c che chi ci
        ciò come con contro cosa cui d da dagli dai dal dalla dalle dallo degli dei del della delle
        dello di dopo dove dove due durante e ed era erano essere fino fra fu furono gli ha hanno ho
        i il in invece io l la le lei li lo loro lui ma me mentre mi mio molto ne negli nei nel
        nella nelle nello noi non nostro o ogni oltre per perché perche più piu poi prima può quale
        quali quando quanto quanti quel quella quelle quelli quello questa queste questi questo qui
        se sei senza si sia sono sta stata state stati stato su sua sue sugli sui sul sulla sulle
        suo suoi tra tu tutti tutto un una uno vi voi è"""
    ),
    "portuguese": _words(
        """a ao aos aquela aquele aquilo as ate até com como cada da das de dela dele deles depois
        do dos e ela elas ele eles em entre era eram essa essas esse esses esta estas este estes
        está estão eu foi foram há isso isto já lhe mais mas me mesmo meu minha muito na nas nem no
        nos nossa nosso não nao num numa o onde os ou para pela pelas pelo pelos pode podem por
        porque porquê qual quais quando quanto quantos que quem quê se seja sem ser seu seus sob
        sobre sua suas são também tambem tem ter tinha todo todos tu um uma umas uns você à às é"""
    ),
    "dutch": _words(
        """aan al alle als andere bij daar dan dat de der deze die dit door dus een en er ge geen
        had hadden heb hebben heeft hem het hier hij hoe hoeveel hun ik in is ja je kan kunnen maar
        me meer men met mij mijn moet na naar niet niets nog nu of om omdat ons ook op over reeds te
        tegen toch toen tot u uit uw van veel voor waar waarom wanneer want waren was wat we welk
        welke werd werden wie wij wil worden wordt zal ze zich zij zijn zo zonder zou"""
    ),
    "swedish": _words(
        """alla allt att av blev bli blir de dem den denna deras dess det detta dig din du där då
        efter ej eller en ett från för genom ha hade han hans har hon hur här i icke in inte jag kan
        man med mellan men mer mig min mot mycket ni nu när någon något några och om oss på samma
        sedan sig sin sina sitt ska som så till under upp ut utan vad var varför vara varit vem vi
        vid vilka vilken vilket än är över"""
    ),
    "danish": _words(
        """af alle at blev blive bliver da de dem den denne der deres det dette dig din dog du efter
        eller en end er et for fra ham han hans har havde have hende her hos hun hvad hvem hvilke
        hvilken hvilket hvis hvor hvordan hvorfor hvornår i ikke ind jeg kan man mange med meget men
        mig min mod ned noget nogle nu når og også om op os over på sig sin sit skal skulle som så
        til ud under var vi vil ville være været"""
    ),
    "norwegian": _words(
        """alle at av ble bli blir da de dem den denne der deres det dette din du eller en er et
        etter for fra ha hadde han hans har hennes her hun hva hvem hvilke hvilken hvilket hvis hvor
        hvordan hvorfor i ikke inn jeg kan man mange med meg mellom men mer min mot noe noen nå når
        og også om opp oss over på seg sin sitt skal som så til ut under var ved vi vil være vært"""
    ),
    "finnish": _words(
        """ei eivät eli että ennen he hän hänen ja jo jos joka jotka jossa kanssa koska kuin kuinka
        kuka kun mikä mitkä mihin miksi milloin missä miten mitä mukaan mutta myös ne niiden niin
        nyt oli olivat olla ole on ovat se sekä sen siitä sillä sitä tai tämä tämän tässä vain vaan
        voi voidaan vuonna"""
    ),
    "turkish": _words(
        """acaba ama ancak arasında bazı belki ben bir biri birçok biz bu bunu bunun da daha de
        değil diye en gibi hangi hem hep her hiç için ile ise kadar kaç ki kim kimin mi mu mı mü
        nasıl ne neden nedir nerede niçin niye o olan olarak oldu olduğu olur on ona ondan onlar onu
        sadece sen siz sonra tarafından tüm var ve veya ya yok çok çünkü önce şey şu"""
    ),
    "russian": _words(
        """а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да
        даже для до его ее если есть еще ещё же за здесь и из или им их к как какая какие какой
        каком когда ко который которая которые кто куда ли между меня мне много может можно мы на
        над надо не него нее нет ни них но ну о об однако он она они оно от очень по под после
        потому почему при про с сам свой себя сколько со так также такой там тем то того тоже только
        том ты у уже хотя чего чей чем через что чтобы эта эти это этого этой этом этот я"""
    ),
    "arabic": _words(
        """أن أو أي أين إذا إلى إن الى التي الذي الذين الا ألا إلا أنه أنها أيضا اذا او اي اين ايضا
        بعد بعض بل بها به بين بينما تكون تلك ثم حتى حول حيث خلال دون ذلك سوف ضد عدة عن عند عندما على
        علي غير في فيها فيه قبل قد كان كانت كل كم كما كيف لا لان لأن لدى لكن لم لماذا لها لهم لو ليس
        ليست ما ماذا متى مثل مع من منذ منها منه نحو هذا هذه هل هم هناك هو هي هؤلاء و وقد وكان ولا
        ولم وما ومن وهو وهي وفي يكون يمكن"""
    ),
}

# In scripts without spaces these only ask; a question is parted where they stand.
ASKING = _words(
    """什么 甚么 什麼 为什么 為什麼 怎么 怎么样 怎麼 怎样 怎樣 如何 哪些 哪个 哪個 哪里 哪裡 哪种
    哪一 哪年 多少 是谁 谁是 是誰 誰是 几个 幾個 以下 下列 请问 何 誰 무엇 어떻게 어디 언제 누구
    왜"""
)
